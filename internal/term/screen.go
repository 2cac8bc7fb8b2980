// Package term draws on terminals and writes figures for people. It knows as much of
// terminals as a picture that is redrawn in place needs.
package term

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Screen redraws a block of lines in place, on a terminal.
type Screen struct {
	f     *os.File
	lines int // of the picture before, above the cursor
}

// NewScreen returns a Screen that begins where the cursor is.
func NewScreen(f *os.File) *Screen { return &Screen{f: f} }

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
	reset      = "\x1b[0m"
)

// Draw replaces the picture. What does not fit the terminal is cut off.
func (s *Screen) Draw(lines []string) error {
	cols, rows, _ := Size(s.f)
	lines = lines[:min(len(lines), rows-1)]
	var b strings.Builder
	b.WriteString(hideCursor)
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", min(s.lines, rows-1))
	}
	for _, line := range lines {
		b.WriteString("\r" + Cut(line, cols) + clearLine + "\n")
	}
	b.WriteString(clearBelow)
	s.lines = len(lines)
	_, err := s.f.WriteString(b.String())
	return err
}

// Close leaves the picture where it is and gives the cursor back.
func (s *Screen) Close() { _, _ = s.f.WriteString(showCursor) }

// Is reports whether f is a terminal that can redraw.
func Is(f *os.File) bool {
	_, _, ok := Size(f)
	name := os.Getenv("TERM")
	return ok && name != "" && name != "dumb"
}

// Size returns the size of the terminal f; ok is false if f is none. A terminal that
// does not know its size counts as one of 80 columns and 24 rows.
func Size(f *os.File) (cols, rows int, ok bool) {
	cols, rows, ok = windowSize(f)
	if cols < 1 || rows < 2 {
		return 80, 24, ok
	}
	return cols, rows, ok
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Cut returns the part of a line that fits into the given number of columns.
func Cut(line string, cols int) string {
	if Width(line) <= cols {
		return line
	}
	var b strings.Builder
	for line != "" && cols > 0 {
		if code := escapes.FindString(line); code != "" && strings.HasPrefix(line, code) {
			b.WriteString(code)
			line = line[len(code):]
			continue
		}
		_, n := utf8.DecodeRuneInString(line)
		b.WriteString(line[:n])
		line = line[n:]
		cols--
	}
	return b.String() + reset
}

// A Paint colours text, or leaves it alone.
type Paint bool

// Colours tells whether text on a terminal is to be coloured (see no-color.org).
func Colours() Paint { return Paint(os.Getenv("NO_COLOR") == "") }

// The colours, which every terminal has.
func (p Paint) Bold(s string) string   { return p.paint("1", s) }
func (p Paint) Dim(s string) string    { return p.paint("2", s) }
func (p Paint) Red(s string) string    { return p.paint("31", s) }
func (p Paint) Green(s string) string  { return p.paint("32", s) }
func (p Paint) Yellow(s string) string { return p.paint("33", s) }
func (p Paint) Cyan(s string) string   { return p.paint("36", s) }

func (p Paint) paint(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + reset
}
