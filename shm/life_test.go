//go:build linux

package shm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A publisher that fails to take a topic over leaves it as it was: closed, with its last value.
func TestFailedTakeover(t *testing.T) {
	p, c, in := topic(t, Buffers(1))
	g, err := c.RLock()
	must(t, err)
	must(t, p.Close())
	var held *HeldError
	if _, err := Create("t", uint64(2), in, Buffers(1), Timeout(time.Millisecond)); !errors.As(err, &held) {
		t.Fatalf("Create while a guard is held: %v, want a HeldError", err)
	}
	check(t, "State", c.State(), Closed)
	must(t, g.Unlock())
	v, err := c.Read()
	must(t, err)
	check(t, "value", v, 1)
	q, err := Create("t", uint64(2), in, Buffers(1))
	must(t, err)
	must(t, q.Close())
}

// There is nothing to resume where nothing was published.
func TestResumeOfNothing(t *testing.T) {
	in := InDir(t.TempDir())
	p, err := CreateBytes("t", 8, nil, in)
	must(t, err)
	must(t, p.Close())
	p, err = CreateBytes("t", 8, []byte("first"), in, Resume())
	must(t, err)
	v, err := p.Read()
	must(t, err)
	check(t, "value", string(v), "first")
	check(t, "writes", p.TotalWrites(), 1)
	must(t, p.Close())
}

// A topic that was retired is as good as removed: whoever removes it only clears the name. A
// topic in use is not removed, whichever slot its consumer has.
func TestRemoveOfRetired(t *testing.T) {
	p, _, in := topic(t)
	p.seg.retire()
	must(t, Remove("t", in))
	wantErr(t, "Remove", Remove("t", in), os.ErrNotExist)

	p, first, in := topic(t)
	second, err := Open[uint64]("t", in)
	must(t, err)
	defer second.Close()
	must(t, first.Close())
	must(t, p.Close())
	wantErr(t, "Remove beside a consumer", Remove("t", in), ErrInUse)
}

// Whoever creates or removes a topic that somebody else is at for too long gives up.
func TestBusyName(t *testing.T) {
	p, _, in := topic(t)
	must(t, p.Close())
	s, err := openSegment(p.Path(), "t", publisherAccess)
	must(t, err)
	defer s.close()
	ok, err := lockByte(s.fd, nameByte)
	check(t, "the name byte", ok, true)
	must(t, err)
	wantErr(t, "RemoveForced", RemoveForced("t", in, Timeout(5*time.Millisecond)), errBusy)
	_, err = Create("t", uint32(1), in, Timeout(5*time.Millisecond)) // of another type
	wantErr(t, "Create", err, errBusy)
}

// WaitOpen sees a topic that is renamed to its name, gives up where there can be none, and does
// not mind the type of one that is closed.
func TestWaitOpenSees(t *testing.T) {
	wait := func(t *testing.T, dir string) chan error {
		result := make(chan error, 1)
		go func() {
			c, err := WaitOpen[uint64](t.Context(), "t", InDir(dir))
			if err == nil {
				err = c.Close()
			}
			result <- err
		}()
		time.Sleep(20 * time.Millisecond) // it waits by then, most likely
		return result
	}
	ends := func(t *testing.T, result chan error) error {
		t.Helper()
		select {
		case err := <-result:
			return err
		case <-time.After(watchdog):
			t.Fatal("WaitOpen waits on")
		}
		return nil
	}
	t.Run("a renamed topic", func(t *testing.T) {
		dir := t.TempDir()
		p, err := Create("other", uint64(1), InDir(dir))
		must(t, err)
		defer p.Close()
		result := wait(t, dir)
		must(t, os.Rename(dir+"/other", dir+"/t"))
		must(t, ends(t, result))
	})
	t.Run("a directory that goes away", func(t *testing.T) {
		dir := t.TempDir() + "/gone"
		must(t, os.Mkdir(dir, 0o700))
		result := wait(t, dir)
		must(t, os.Remove(dir))
		wantErr(t, "WaitOpen", ends(t, result), os.ErrNotExist)
	})
	t.Run("a directory that comes back", func(t *testing.T) {
		dir := t.TempDir() + "/moved"
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.Mkdir(dir+"-next", 0o700))
		result := wait(t, dir)
		// In one step, so that there is no moment without one.
		must(t, unix.Renameat2(unix.AT_FDCWD, dir+"-next", unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE))
		time.Sleep(20 * time.Millisecond)
		p, err := Create("t", uint64(1), InDir(dir))
		must(t, err)
		defer p.Close()
		must(t, ends(t, result))
	})
	t.Run("a closed topic of another type", func(t *testing.T) {
		p, _, in := topic(t)
		must(t, p.Close())
		_, err := Open[uint32]("t", in)
		wantErr(t, "Open", err, ErrClosed)
		_, err = WaitOpen[uint32](shortly(t), "t", in)
		wantErr(t, "WaitOpen", err, context.DeadlineExceeded)
	})
}

// Missed counts from one read to the next, and from none before the first. A value that is read
// again is the same one.
func TestMissed(t *testing.T) {
	in := InDir(t.TempDir())
	p, err := Create("t", uint64(1), in)
	must(t, err)
	defer p.Close()
	write := func(n int) {
		for range n {
			must(t, p.Write(2))
		}
	}
	write(4)
	c, err := Open[uint64]("t", in)
	must(t, err)
	defer c.Close()
	check(t, "Info before the first read", c.Info(), Info{})
	for _, step := range []struct {
		writes         int
		number, missed uint64
	}{{0, 5, 0}, {0, 5, 0}, {1, 6, 0}, {3, 9, 2}, {0, 9, 0}, {9, 18, 8}} {
		write(step.writes)
		_, err := c.Read()
		must(t, err)
		check(t, "Number", c.Info().Number, step.number)
		check(t, "Missed", c.Info().Missed, step.missed)
	}
	write(3)
	_, err = c.Read()
	must(t, err)
	clone, err := c.Clone()
	must(t, err)
	defer clone.Close()
	check(t, "Info of a clone", clone.Info(), c.Info())
	check(t, "Path of a clone", clone.Path(), c.Path())
}

// A clone has read what its original has.
func TestCloneOfBytes(t *testing.T) {
	in := InDir(t.TempDir())
	p, err := CreateBytes("t", 8, []byte("short"), in)
	must(t, err)
	defer p.Close()
	c, err := OpenBytes("t", in)
	must(t, err)
	defer c.Close()
	_, err = c.Read()
	must(t, err)
	clone, err := c.Clone()
	must(t, err)
	defer clone.Close()
	check(t, "Size", clone.Info().Size, 5)
}

// A clone of a memfd's consumer knows that nobody will take that over.
func TestCloneOfMemfd(t *testing.T) {
	_, err := CreateMem("no/name", uint64(1)) // names go over sockets, too
	wantErr(t, "CreateMem", err, ErrName)
	p, err := CreateMem("mem", uint64(1))
	must(t, err)
	f, err := p.File()
	must(t, err)
	defer f.Close()
	for _, opts := range [][]Option{nil, {ReadOnly()}} {
		c, err := OpenFile[uint64](f, opts...)
		must(t, err)
		defer c.Close()
		clone, err := c.Clone()
		must(t, err)
		defer clone.Close()
		check(t, "CanWrite", clone.CanWrite(), opts == nil)
		check(t, "Unlinked", clone.Unlinked(), false) // it never had a name
		check(t, "Unlinked of the publisher", p.Unlinked(), false)
		flags, err := unix.FcntlInt(uintptr(clone.seg.fd), unix.F_GETFL, 0)
		must(t, err)
		check(t, "writable descriptor", flags&unix.O_ACCMODE == unix.O_RDWR, opts == nil)
		_, err = clone.Read()
		must(t, err)
		defer func() { wantErr(t, "Wait", clone.Wait(t.Context()), ErrReplaced) }()
	}
	die(p.seg)
}

// The age of a value is that of its sample, which its publisher may date back.
func TestStaleness(t *testing.T) {
	p, c, in := topic(t)
	if age, ok := c.Staleness(); !ok || age < 0 || age > watchdog {
		t.Errorf("Staleness %v, %v", age, ok)
	}
	fresh, err := Open[uint64]("t", in)
	must(t, err)
	defer fresh.Close()
	if _, ok := fresh.Staleness(); ok {
		t.Error("Staleness of nothing")
	}
	must(t, p.WriteAt(2, Now().Add(-time.Hour)))
	_, err = c.Read()
	must(t, err)
	if age, ok := c.Staleness(); !ok || age < time.Hour {
		t.Errorf("Staleness %v, %v, want an hour", age, ok)
	}
	if i := c.Info(); i.Published.Age() > watchdog || i.Sampled.Age() < time.Hour {
		t.Errorf("published %v ago, sampled %v ago", i.Published.Age(), i.Sampled.Age())
	}
	s, err := Stat("t", in)
	must(t, err)
	if s.Age > watchdog || s.SampleAge < time.Hour {
		t.Errorf("Stat: published %v ago, sampled %v ago", s.Age, s.SampleAge)
	}
}

// A publisher that removes its topic minds neither that somebody else has done so, nor touches the
// topic of a successor.
func TestRemoveOfRemoved(t *testing.T) {
	p, _, in := topic(t)
	must(t, RemoveForced("t", in))
	must(t, p.Remove())

	p, _, in = topic(t)
	q, err := Create("t", uint64(2), in, Replace())
	must(t, err)
	must(t, p.Remove())
	check(t, "Unlinked", q.Unlinked(), false)
	must(t, q.Close())

	// Nor that somebody else is at it.
	p, _, _ = topic(t)
	s, err := openSegment(p.Path(), "t", publisherAccess)
	must(t, err)
	defer s.close()
	ok, err := lockByte(s.fd, nameByte)
	check(t, "the name byte", ok, true)
	must(t, err)
	must(t, p.Remove())
}

// With one buffer the publisher's own read waits for the end of its write.
func TestPublisherReadsUnderGuard(t *testing.T) {
	for _, n := range []int{1, 4} {
		p, _, _ := topic(t, Buffers(n))
		g, err := p.Lock()
		must(t, err)
		v, err := p.Read()
		if n == 1 {
			wantErr(t, "Read", err, ErrLocked)
		} else {
			must(t, err)
			check(t, "value", v, 1)
		}
		must(t, g.Unlock())
	}
}

// Where a file cannot be made without a name it has one for a moment, which nobody takes for a
// topic's and which does not last. It does not replace what has its last name meanwhile.
func TestWithoutUnnamedFiles(t *testing.T) {
	defer func(f func() bool) { procMounted = f }(procMounted)
	procMounted = func() bool { return false }
	dir := t.TempDir()
	p, err := Create("t", uint64(1), InDir(dir))
	must(t, err)
	must(t, p.Close())
	fd, temp, err := tempFile(dir)
	must(t, err)
	defer closeFD(fd)
	wantErr(t, "linkFile", linkFile(fd, temp, dir+"/t"), os.ErrExist)
	list, err := List(InDir(dir))
	must(t, err)
	check(t, "topics", len(list), 1)
	must(t, unlink(temp))
	entries, err := os.ReadDir(dir)
	must(t, err)
	check(t, "files", len(entries), 1)
}

// Prefault brings in every page that is used, LockMemory as well; without either, next to none is.
func TestPrefaultedPages(t *testing.T) {
	if os.Getenv("TISM_EXEC_PREFIX") != "" {
		t.Skip("qemu-user makes smaps up")
	}
	in := InDir(t.TempDir())
	p, err := CreateBytes("t", 1<<20, nil, in)
	must(t, err)
	defer p.Close()
	for _, opts := range [][]Option{nil, {Prefault()}, {LockMemory()}} {
		c, err := OpenBytes("t", append(opts, in)...)
		if errors.Is(err, ErrMemoryLock) {
			continue // RLIMIT_MEMLOCK
		}
		must(t, err)
		resident, used := residentBytes(t, c.seg.mem), c.seg.geo.used()
		if opts == nil && resident > used/2 {
			t.Skipf("%d of %d bytes are there without Prefault: pages are huge", resident, used)
		}
		if opts != nil && resident < used {
			t.Errorf("%d of %d bytes are there after Prefault or LockMemory", resident, used)
		}
		must(t, c.Close())
	}
}

// residentBytes is what the process's page table has of memory that was mapped. (The kernel
// may take pages of other mappings back at any time, so that a difference tells nothing.)
func residentBytes(t *testing.T, mem []byte) (total int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	must(t, err)
	inside := false
	for line := range strings.Lines(string(text)) {
		var from, to uint64
		var kB int64
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			start := uint64(uintptr(unsafe.Pointer(&mem[0])))
			inside = from >= start && from < start+uint64(len(mem))
		} else if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kB); n == 1 && inside {
			total += kB << 10
		}
	}
	return total
}

// An event is as long as it says, so that no name is taken for one.
func TestMasks(t *testing.T) {
	event := func(mask uint32, name string) []byte {
		b := make([]byte, unix.SizeofInotifyEvent)
		binary.NativeEndian.PutUint32(b[4:], mask)
		binary.NativeEndian.PutUint32(b[12:], uint32(len(name)))
		return append(b, name...)
	}
	name := strings.Repeat("\xff", 32)
	events := append(event(unix.IN_CREATE, name), event(unix.IN_ATTRIB, "")...)
	check(t, "masks", masks(events), unix.IN_CREATE|unix.IN_ATTRIB)
	check(t, "masks of half a name", masks(event(unix.IN_CREATE, name)[:20]), unix.IN_CREATE)
}

// Another goroutine that starts a program forks, and until the child executes that it has a copy
// of every descriptor. Nobody's role is kept by such a copy.
func TestCloseBesideFork(t *testing.T) {
	p, c, in := topic(t)
	for _, s := range []*segment{p.seg, c.seg} {
		child, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
		must(t, err)
		defer closeFD(child)
	}
	must(t, c.Close())
	st, err := Stat("t", in)
	must(t, err)
	check(t, "consumers", len(st.Consumers), 0)
	must(t, p.Close())
	q, err := Create("t", uint64(2), in)
	must(t, err)
	must(t, q.Close())
	must(t, Remove("t", in))
}
