package checks

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

// Programs of both word sizes share topics on one kernel.

var mixedTests = []suite.Test{
	{Name: "mixed/word-sizes", About: "32-bit and 64-bit programs share topics, guards and takeovers (needs the other build beside this one, or --peer)", Time: 4 * time.Second, Run: mixedSizes},
}

func init() {
	proc.Role("present", func(a *proc.Actor) error { a.Say("present"); return nil })
}

// peer finds a build of this program for the other word size that runs here.
func peer(t *suite.T) string {
	own, err := os.Executable()
	t.Must(err)
	self, err := wordSize(own)
	t.Must(err)
	candidates, missing := t.Peers, "needs a hwtest for the other word size beside this one (hwtest-*), or --peer FILE"
	if len(candidates) == 0 {
		candidates, _ = filepath.Glob(filepath.Join(filepath.Dir(own), "hwtest-*"))
	}
	for _, path := range candidates {
		size, err := wordSize(path)
		switch {
		case err != nil && len(t.Peers) > 0:
			t.Fatalf("--peer %s: %v", path, err)
		case err != nil, size == self && len(t.Peers) == 0:
			continue
		case size == self:
			t.Fatalf("--peer %s: it has this program's word size", path)
		}
		if err := present(path); err != nil {
			missing = fmt.Sprintf("%s does not run here: %v", filepath.Base(path), err)
			continue
		}
		return path
	}
	t.Skipf("%s", missing)
	return ""
}

// wordSize is that of the program that a command line ends with.
func wordSize(command string) (elf.Class, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return 0, errors.New("no program")
	}
	f, err := elf.Open(words[len(words)-1])
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Class, nil
}

func present(path string) error {
	c, err := proc.Start("present", nil, proc.Executable(path))
	if err != nil {
		return err
	}
	defer c.Kill()
	return c.Expect("present")
}

func mixedSizes(t *suite.T) {
	other := peer(t)
	t.Notef("with %s", filepath.Base(other))
	handovers, values := 0, 0
	for _, buffers := range []int{1, 4} {
		n, v := mixedTopic(t, other, buffers)
		handovers, values = handovers+n, values+v
	}
	t.Count("takeovers", handovers)
	t.Count("values seen", values)
}

// mixedTopic has publishers of both sizes by turns, each killed while it writes, and readers of both sizes.
func mixedTopic(t *suite.T, other string, buffers int) (handovers, values int) {
	dir := t.TempDir()
	start := func(role, exe string, args ...any) *proc.Child {
		c, err := proc.Start(role, args, proc.Executable(exe))
		t.Must(err)
		t.Cleanup(c.Kill)
		return c
	}
	var crew []*proc.Child
	for end := time.Now().Add(t.Part(0.5)); handovers < 4 || time.Now().Before(end); handovers++ {
		p := start("publisher", []string{"", other}[handovers%2], dir, medium, buffers)
		p.Send("create")
		var number, total int
		t.Must(p.Scan("published %d of %d", &number, &total))
		if total != 1 || handovers > 0 && number < 2 {
			t.Fatalf("takeover %d: number %d, %d writes", handovers, number, total)
		}
		if handovers == 0 {
			for _, exe := range []string{"", other} {
				for _, how := range []string{"read", "guard", "next"} {
					crew = append(crew, start("reader", exe, dir, medium, how, "torn"))
				}
			}
			for _, c := range crew {
				t.Must(c.Expect("open"))
			}
		}
		p.Send("write")
		if handovers == 0 {
			for _, c := range crew {
				t.Must(c.Expect("sees changes"))
			}
		}
		time.Sleep(max(20*time.Millisecond, t.Part(0.05)))
		p.Kill()
	}
	for _, c := range crew {
		values += finishReader(t, c)[1]
	}
	return handovers, values
}
