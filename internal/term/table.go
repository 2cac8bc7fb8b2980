package term

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Table lines up columns of text, two blanks apart.
type Table struct {
	rows  []row
	right []int
}

type row struct {
	cells []string
	text  string // instead of all cells but the first
}

// Row adds a row.
func (t *Table) Row(cells ...string) { t.rows = append(t.rows, row{cells: cells}) }

// Text adds a row of one cell, followed by a text that runs across the other columns.
func (t *Table) Text(cell, text string) {
	t.rows = append(t.rows, row{cells: []string{cell}, text: text})
}

// Right aligns columns, counted from 0, to the right.
func (t *Table) Right(columns ...int) { t.right = columns }

// Print writes the table.
func (t *Table) Print(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, line := range t.Lines() {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	return out.Flush()
}

// Lines returns the table's lines.
func (t *Table) Lines() []string {
	widths := t.widths()
	lines := make([]string, len(t.rows))
	for i, r := range t.rows {
		cells := make([]string, len(r.cells), len(r.cells)+1)
		for j, c := range r.cells {
			cells[j] = align(c, widths[j], slices.Contains(t.right, j))
		}
		if r.text != "" {
			cells = append(cells, r.text)
		}
		lines[i] = strings.TrimRight(strings.Join(cells, "  "), " ")
	}
	return lines
}

func (t *Table) widths() []int {
	var widths []int
	for _, r := range t.rows {
		for j, c := range r.cells {
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], Width(c))
		}
	}
	return widths
}

func align(s string, width int, right bool) string {
	if right {
		return PadLeft(s, width)
	}
	return Pad(s, width)
}

// Pad fills s with blanks to the given width.
func Pad(s string, width int) string { return s + blanks(width-Width(s)) }

// PadLeft is Pad that puts the blanks before s.
func PadLeft(s string, width int) string { return blanks(width-Width(s)) + s }

func blanks(n int) string { return strings.Repeat(" ", max(n, 0)) }

// Width returns how many columns s takes, escape sequences not counted. Every
// character counts as one.
func Width(s string) int {
	n := utf8.RuneCountInString(s)
	for _, code := range escapes.FindAllString(s, -1) {
		n -= len(code)
	}
	return n
}
