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
	"github.com/tism-go/tism/shm"
)

// Programs of both word sizes share topics on one kernel.

var mixedTests = []suite.Test{
	{Name: "mixed/word-sizes", About: "32-bit and 64-bit programs share topics, guards and takeovers (needs the other build beside this one, or --peer)", Time: 4 * time.Second, Run: mixedSizes},
}

func init() {
	proc.Role("present", func(a *proc.Actor) error { a.Say("present"); return nil })
	proc.Role("witness", witness)
}

// witness tells each time that it is asked what it thinks of a topic's publisher, and whether it could be
// in its place. Argument: directory.
func witness(a *proc.Actor) error {
	dir := shm.InDir(a.Args[0])
	c, err := shm.Open[[8]uint64](topic, dir)
	if err != nil {
		return err
	}
	for {
		pid, _ := c.Publisher()
		state := c.State()
		p, err := shm.Create(topic, *stamped[[8]uint64](1), dir, shm.Buffers(1))
		var live *shm.LiveError
		switch {
		case err == nil:
			a.Say("%v %d, free", state, pid)
			err = p.Close()
		case errors.As(err, &live):
			a.Say("%v %d, taken by %d", state, pid, live.PID)
			err = nil
		}
		if err != nil {
			return err
		}
		a.Hear()
	}
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
	mixedRoles(t, "", other)
	mixedRoles(t, other, "")
	stopOneBuffer(t, proc.Executable(other))
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

// mixedRoles has a consumer of one size ask about a publisher of the other.
func mixedRoles(t *suite.T, publisher, consumer string) {
	dir := t.TempDir()
	start := func() *proc.Child {
		p, err := proc.Start("publisher", []any{dir, small, 1}, proc.Executable(publisher))
		t.Must(err)
		t.Cleanup(p.Kill)
		p.Send("create")
		var number, total int
		t.Must(p.Scan("published %d of %d", &number, &total))
		return p
	}
	p := start()
	w, err := proc.Start("witness", []any{dir}, proc.Executable(consumer))
	t.Must(err)
	t.Cleanup(w.Kill)
	t.Must(w.Expect(fmt.Sprintf("alive %d, taken by %d", p.PID(), p.PID())))
	p.Kill()
	w.Send("after the kill")
	t.Must(w.Expect(fmt.Sprintf("died %d, free", p.PID())))
	p = start()
	w.Send("after the takeover")
	t.Must(w.Expect(fmt.Sprintf("alive %d, taken by %d", p.PID(), p.PID())))
	p.Send("write")
	_, err = p.Finish()
	t.Must(err)
	w.Send("after the end")
	t.Must(w.Expect(fmt.Sprintf("closed %d, free", p.PID())))
}
