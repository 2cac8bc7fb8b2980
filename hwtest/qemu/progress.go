package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"sync"
	"time"
)

// A progress shows where a run is: one line that changes on a terminal, a line for each
// thing that ends elsewhere.
type progress struct {
	out  io.Writer
	live bool
	rows int

	mu    sync.Mutex
	index int
	name  string
	doing string
	test  string
	start time.Time
	drawn time.Time
}

func newProgress(out io.Writer, rows int) *progress {
	f, ok := out.(*os.File)
	live := false
	if ok {
		info, err := f.Stat()
		live = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return &progress{out: out, live: live, rows: rows}
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
	if p.live {
		fmt.Fprintf(p.out, "\r\x1b[K[%d/%d] %s  %s %s  %.0f s", p.index, p.rows, p.name, p.doing, p.test, time.Since(p.start).Seconds())
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

func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
