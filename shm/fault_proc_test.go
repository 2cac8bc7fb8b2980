//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tism-go/tism/shm"
)

func init() {
	helpers["vandal"] = vandal
	helpers["cut"] = cut
}

// vandal writes where it may only read. Args: directory.
func vandal(a *actor) {
	c := open[[8]uint64](a, a.args[0])
	g, err := c.RLock()
	must(a, err)
	a.say("about to")
	g.Value()[0] = 666
	a.say("written")
}

// A stray write through a read guard ends the consumer that did it, and nobody else
// notices; not even with one buffer, where the vandal dies inside the lock.
func TestStrayWrite(t *testing.T) {
	for _, buffers := range []int{1, 4} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) {
			dir := t.TempDir()
			p := create(t, dir, *stamped[[8]uint64](1), shm.Buffers(buffers), shm.Timeout(patience))
			c := open[[8]uint64](t, dir)
			v := spawn(t, "vandal", dir)
			v.expect("about to")
			for line := range v.lines {
				t.Errorf("the vandal says %q", line)
			}
			if err := v.wait(); err == nil || !strings.Contains(v.stderr.String(), "SIGSEGV") {
				t.Errorf("the vandal ended with %v\n%s", err, v.stderr.String())
			}
			got, err := c.Read()
			must(t, err)
			verify(t, "value", got, *stamped[[8]uint64](1))
			for range 20 {
				must(t, writeNext(p))
			}
			got, err = c.Read()
			must(t, err)
			verify(t, "value at last", got, *stamped[[8]uint64](21))
		})
	}
}

// A consumer maps nothing writable but the control area, and nothing at all when it only
// reads.
func TestMappings(t *testing.T) {
	const control = 2 << 16
	dir := t.TempDir()
	path := filepath.Join(dir, "topic")
	publisher := spawn(t, "publisher", dir, 64, 4)
	publisher.send("create")
	publisher.expect("published 1 of 1")

	writable := func() (total int64) {
		found := false
		for _, m := range mappings() {
			if m.path != path {
				continue
			}
			found = true
			if !m.writable {
				continue
			}
			total += m.len
			if m.offset < control || m.offset+m.len > control+1<<16 {
				t.Errorf("bytes %d to %d of the segment are writable", m.offset, m.offset+m.len)
			}
		}
		verify(t, "the segment is mapped", found, true)
		return total
	}
	reader := open[[8]uint64](t, dir, shm.ReadOnly())
	verify(t, "writable bytes of a reader", writable(), 0)
	must(t, reader.Close())
	open[[8]uint64](t, dir)
	if n := writable(); n == 0 || n > 64<<10 {
		t.Errorf("%d bytes of a consumer's mapping are writable", n)
	}
}

// cut has a topic cut short under its handles, and reports each fault. Args: directory, number of
// buffers.
func cut(a *actor) {
	p := create(a, a.args[0], *stamped[[8192]uint64](1), shm.Buffers(a.number(1)))
	c := open[[8192]uint64](a, a.args[0])
	v := new([8192]uint64)
	must(a, shm.CatchFault(func() error { return c.ReadInto(v) }))
	must(a, os.Truncate(filepath.Join(a.args[0], "topic"), 0))
	for what, f := range map[string]func() error{
		"read":  func() error { return c.ReadInto(v) },
		"view":  func() error { return c.View(func(v *[8192]uint64) { _ = v[100] }) },
		"next":  func() error { _, err := c.NextTimeout(1); return err },
		"total": func() error { _, err := c.TotalWrites(); return err },
		"write": func() error { return p.WriteFrom(v) },
	} {
		if err := shm.CatchFault(f); !errors.Is(err, shm.ErrFault) {
			a.Errorf("%s: %v, want %v", what, err, shm.ErrFault)
		}
	}
	a.say("caught them")
	must(a, c.Close())
	must(a, p.Close())
	a.say("closed")
}

// A topic that somebody cuts short is an error to whom asks for that, and handles on it
// can be closed.
func TestTruncated(t *testing.T) {
	if os.Getenv("TISM_EXEC_PREFIX") != "" {
		t.Skip("qemu-user does not tell the address of a SIGBUS, which CatchFault goes by")
	}
	for _, buffers := range []int{1, 4} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) {
			c := spawn(t, "cut", t.TempDir(), buffers)
			c.expect("caught them")
			c.expect("closed")
			c.finish()
		})
	}
}
