package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/tism-go/tism/internal/term"
)

// A progress shows where a run is: one line that changes on a terminal, a line for each
// thing that ends elsewhere.
type progress struct {
	out  io.Writer
	live bool
	rows int
	cols func() int // of the terminal
	stop chan struct{}

	mu    sync.Mutex
	index int
	name  string
	doing string
	test  string
	start time.Time
	drawn time.Time
}

func newProgress(out io.Writer, rows int) *progress {
	p := &progress{out: out, rows: rows, stop: make(chan struct{})}
	if f, ok := out.(*os.File); ok && term.Is(f) {
		p.live = true
		p.cols = func() int { cols, _, _ := term.Size(f); return cols }
		go p.tick()
	}
	return p
}

// tick lets the seconds pass while nothing else happens: a build takes its time.
func (p *progress) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			p.draw()
			p.mu.Unlock()
		}
	}
}

func (p *progress) row(i int, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index, p.name, p.doing, p.test, p.start = i+1, name, "", "", time.Now()
	p.draw()
}

func (p *progress) job(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.test = what, ""
	p.draw()
}

var running = regexp.MustCompile(`=== RUN +(\S+)`)

// Write looks at a program's output for the test that runs.
func (p *progress) Write(b []byte) (int, error) {
	if m := running.FindSubmatch(b); m != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.test = string(bytes.Clone(m[1]))
		if time.Since(p.drawn) > 100*time.Millisecond {
			p.draw()
		}
	}
	return len(b), nil
}

func (p *progress) draw() {
	if p.live && p.index > 0 {
		line := fmt.Sprintf("[%d/%d] %s %3.0f s  %s %s", p.index, p.rows, p.name, time.Since(p.start).Seconds(), p.doing, p.test)
		if cols := p.cols(); cols > 1 { // what wraps cannot be taken back
			line = term.Cut(line, cols-1)
		}
		fmt.Fprint(p.out, "\r\x1b[K"+line)
		p.drawn = time.Now()
	}
}

func (p *progress) ended(column string, c cell) {
	p.note(fmt.Sprintf("[%d/%d] %s  %s: %v (%.1f s)", p.index, p.rows, p.name, column, c, c.took.Seconds()))
}

func (p *progress) over(o outcome) {
	if o.err != nil {
		p.note(fmt.Sprintf("[%d/%d] %s: %v", p.index, p.rows, p.name, o.err))
	}
}

func (p *progress) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	fmt.Fprintln(p.out, line)
	p.draw()
}

// clear ends the display.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	if p.live {
		p.live = false
		close(p.stop)
	}
}

func (p *progress) erase() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
