//go:build linux

package shm

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the shared words say after steps that no other test can tell from outside.

func check[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// While nobody waits, a release makes no system call and a ring has a number of its own.
func TestWordsAfterWaiting(t *testing.T) {
	p, c, _ := topic(t, Buffers(2), Timeout(time.Millisecond))
	g, err := c.RLock()
	must(t, err)
	must(t, p.Write(2))
	check(t, "want", p.words.want.Load(), 0)
	wantErr(t, "Write", p.Write(3), ErrTimeout)
	check(t, "want after a write that gave up", p.words.want.Load(), 0)
	must(t, g.Unlock())
	rings := p.ctl.notify.Number()
	must(t, p.Write(3))
	check(t, "rings", p.ctl.notify.Number(), rings+1)
}

// A read that has to pin a buffer leaves the guard's pin alone.
func TestPinBesideGuard(t *testing.T) {
	p, c, _ := topic(t, Buffers(3))
	g, err := c.RLock()
	must(t, err)
	pinned := c.pins.Load()
	must(t, p.Write(2))
	_, l, err := c.acquire(t.Context(), -1)
	must(t, err)
	check(t, "pins", c.pins.Load(), pinned|1<<(l&15))
	must(t, c.release(l))
	check(t, "pins after the read", c.pins.Load(), pinned)
	must(t, g.Unlock())
	check(t, "pins after the guard", c.pins.Load(), 0)
}

// A slot that was taken away is noticed by whoever relied on it.
func TestLeaseLost(t *testing.T) {
	for _, n := range []int{1, 2} {
		_, c, _ := topic(t, Buffers(n))
		g, err := c.RLock()
		must(t, err)
		c.slot.Clear()
		wantErr(t, "Unlock", g.Unlock(), ErrLeaseLost)
		_, l, err := c.acquire(t.Context(), -1)
		must(t, err)
		c.slot.Clear()
		wantErr(t, "end of a read", c.release(l), ErrLeaseLost)
	}
}

// A guard that was unlocked is not the next one.
func TestOldGuards(t *testing.T) {
	p, c, in := topic(t)
	r, err := c.RLock()
	must(t, err)
	must(t, r.Unlock())
	s, err := c.RLock()
	must(t, err)
	wantErr(t, "Unlock of an old read guard", r.Unlock(), ErrNotLocked)
	must(t, s.Unlock())
	w, err := p.Lock()
	must(t, err)
	must(t, w.Unlock())
	x, err := p.Lock()
	must(t, err)
	wantErr(t, "Unlock of an old write guard", w.Unlock(), ErrNotLocked)
	wantErr(t, "Discard of an old write guard", w.Discard(), ErrNotLocked)
	must(t, x.Unlock())
	b, err := CreateBytes("bytes", 8, nil, in)
	must(t, err)
	defer b.Close()
	y, err := b.Lock()
	must(t, err)
	must(t, y.Unlock())
	z, err := b.Lock()
	must(t, err)
	wantErr(t, "Unlock of an old guard on bytes", y.Unlock(), ErrNotLocked)
	must(t, z.Unlock())
}

// A new owner finds its slot empty, whatever the dead one before it left, and a reaper leaves
// it to the next.
func TestSlotOfTheDead(t *testing.T) {
	p, c, in := topic(t, Slots(1))
	_, err := c.RLock()
	must(t, err)
	die(c.seg)
	heir, err := Open[uint64]("t", in)
	must(t, err)
	check(t, "pins of the heir", heir.pins.Load(), 0)
	die(heir.seg)
	check(t, "Reap", p.seg.Reap(0), true)
	heir, err = Open[uint64]("t", in)
	must(t, err)
	check(t, "Reap of a living one", p.seg.Reap(0), false)
	must(t, heir.Close())
}

// hi only grows, and is not believed beyond the slots that there are.
func TestHi(t *testing.T) {
	for _, n := range []int{1, 2} {
		p, c, _ := topic(t, Buffers(n), Timeout(time.Millisecond))
		c.seg.raiseHi(5)
		c.seg.raiseHi(2)
		check(t, "hi", p.ctl.hi.Load(), 5)
		for _, hi := range []uint32{1 << 30, 1<<32 - 1, 1 << 31} {
			p.ctl.hi.Store(hi | 1)
			must(t, p.Write(2))
		}
		g, err := c.RLock()
		must(t, err)
		for range n - 1 {
			must(t, p.Write(3))
		}
		wantErr(t, "Write beside a guard", p.Write(4), ErrTimeout)
		must(t, g.Unlock())
	}
}

// With one buffer a publisher can die after it counted a publication that nobody saw.
func TestHalfCounted(t *testing.T) {
	p, _, in := topic(t, Buffers(1))
	must(t, p.Write(2))
	p.bufs[0].number = 3
	die(p.seg)
	q, err := Create("t", uint64(3), in, Buffers(1))
	must(t, err)
	check(t, "number", q.number, 3)
	must(t, q.Close())
}

// The publisher checks even its own words before it goes by them, since others can write to
// the file.
func TestPublisherOfCorruptWords(t *testing.T) {
	p, c, _ := topic(t)
	p.bufs[p.cur].length = 1 << 30
	_, err := p.Lock()
	wantErr(t, "Lock", err, ErrCorrupt)
	must(t, p.Write(2))
	b := p.bufs[p.cur]
	b.sequence.Store(b.sequence.Load() + 2) // of another version than latest says
	_, err = c.RLock()
	wantErr(t, "RLock", err, ErrCorrupt)
}

func TestPublisherReads(t *testing.T) {
	b, err := CreateMemBytes("b", 8, nil)
	must(t, err)
	_, err = b.Read()
	wantErr(t, "Read of an empty topic", err, ErrEmpty)
	f, err := b.File()
	must(t, err)
	defer f.Close()
	c, err := OpenFileBytes(f)
	must(t, err)
	defer c.Close()
	must(t, b.Remove())
	_, err = c.Read()
	wantErr(t, "Read of a memfd that was removed", err, ErrReplaced)

	p, _, _ := topic(t, Buffers(1))
	func() {
		defer func() { _ = recover() }()
		_ = p.Update(func(*uint64) { panic("boom") })
	}()
	_, err = p.Read()
	wantErr(t, "Read of a torn value", err, ErrTorn)
}

// A guard of the wrong size leaves nothing behind.
func TestGuardOfWrongSize(t *testing.T) {
	in := InDir(t.TempDir())
	p, err := CreateBytes("t", 8, []byte("short"), in)
	must(t, err)
	defer p.Close()
	c, err := Open[uint64]("t", in)
	must(t, err)
	defer c.Close()
	_, err = c.RLockContext(t.Context())
	wantErr(t, "RLock", err, ErrSize)
	check(t, "pins", c.pins.Load(), 0)
}

// A publisher that waits for a buffer of a topic that somebody removes does not wait on.
func TestRemovedWhileWaiting(t *testing.T) {
	p, c, in := topic(t, Buffers(2))
	g, err := c.RLock()
	must(t, err)
	must(t, p.Write(2))
	result := make(chan error, 1)
	go func() { result <- blocked(t, p)() }()
	for p.words.want.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	must(t, RemoveForced("t", in))
	select {
	case err := <-result:
		wantErr(t, "Loan", err, ErrReplaced)
	case <-time.After(watchdog):
		t.Fatal("the publisher waits on")
	}
	must(t, g.Unlock())
}

// Somebody deletes the file between a creator's open and its lock.
func TestClaimWithoutName(t *testing.T) {
	p, _, in := topic(t)
	must(t, p.Close())
	c, err := configure([]Option{in})
	must(t, err)
	s, err := openSegment(c.dir+"/t", "t", publisherAccess)
	must(t, err)
	defer s.close()
	must(t, os.Remove(s.path))
	wantErr(t, "claim", claim(s, c, s.geo), errBusy)
}

// Somebody died between retiring a topic and unlinking its name.
func TestRetiredWithName(t *testing.T) {
	p, _, in := topic(t)
	p.seg.retire()
	die(p.seg)
	_, err := Open[uint64]("t", in)
	wantErr(t, "Open", err, os.ErrNotExist)
	q, err := Create("t", uint64(2), in)
	must(t, err)
	check(t, "number in a new topic", q.number, 1)
	must(t, q.Close())
}

// What would be taken over has to be whole: latest names a buffer with the value that it says.
func TestTakeoverOfCorruptWords(t *testing.T) {
	for what, damage := range map[string]func(*Publisher[uint64]){
		"no such buffer":   func(p *Publisher[uint64]) { p.words.latest.Store(2<<4 | 9) },
		"another version":  func(p *Publisher[uint64]) { p.bufs[p.cur].sequence.Store(9 << 1) },
		"being written":    func(p *Publisher[uint64]) { p.bufs[p.cur].sequence.Store(2<<1 | 1) },
		"number that lies": func(p *Publisher[uint64]) { p.bufs[p.cur].number++ },
	} {
		t.Run(what, func(t *testing.T) {
			p, c, in := topic(t)
			must(t, p.Write(2))
			damage(p)
			die(p.seg)
			heir(t, in)
			_, err := c.Read()
			wantErr(t, "Read of the old one", err, ErrReplaced)
		})
	}
}

// No descriptor leaks into a program that this one starts, and a symbolic link is no topic,
// not even one that leads to a topic.
func TestOpenFlags(t *testing.T) {
	p, c, in := topic(t)
	clone, err := c.Clone()
	must(t, err)
	defer clone.Close()
	mem, err := CreateMem("mem", uint64(1))
	must(t, err)
	defer mem.Close()
	for what, fd := range map[string]int{"publisher": p.seg.fd, "consumer": c.seg.fd, "clone": clone.seg.fd, "memfd": mem.seg.fd} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		must(t, err)
		check(t, what+": close-on-exec", flags&unix.FD_CLOEXEC, unix.FD_CLOEXEC)
	}
	must(t, os.Symlink(p.seg.path, p.seg.path+"-link"))
	_, err = Open[uint64]("t-link", in)
	wantErr(t, "Open of a symbolic link", err, ErrNotTopic)
}

// Nothing is made of figures that cannot be: no count below zero, no buffer of the length that the
// shared memory says.
func TestFiguresThatLie(t *testing.T) {
	for _, n := range []int{1, 4} {
		p, c, _ := topic(t, Buffers(n))
		b := p.bufs[p.cur]
		p.words.sign(p.number + 5)
		writes, err := c.TotalWrites()
		must(t, err)
		check(t, "TotalWrites", writes, 0)
		b.length = 1 << 30
		check(t, "room for the newest value", c.newestLength(), 8)
		b.length = 8

		g, err := c.RLock()
		must(t, err)
		b.sequence.Store(b.sequence.Load() + 2)
		_, err = c.Read()
		wantErr(t, "Read under a guard", err, ErrCorrupt)
		must(t, g.Unlock())
		_, err = c.Read()
		wantErr(t, "Read", err, ErrCorrupt)
		_, err = c.RLock()
		wantErr(t, "RLock", err, ErrCorrupt)
		if n == 1 {
			check(t, "slot after it", c.slot.Held(), false)
		} else {
			check(t, "pins after it", c.pins.Load(), 0)
		}
	}
}

// A handle without a slot is told why it gets no value: one that is being written, or one that
// nobody will ever end.
func TestReadOnlyOfTorn(t *testing.T) {
	p, _, in := topic(t, Buffers(1))
	c, err := Open[uint64]("t", in, ReadOnly())
	must(t, err)
	defer c.Close()
	g, err := p.Lock()
	must(t, err)
	*g.Value() = 2
	_, err = c.Read()
	wantErr(t, "Read while it is written", err, ErrOverrun)
	die(p.seg)
	_, err = c.Read()
	wantErr(t, "Read after the writer's death", err, ErrTorn)
}

// Pins of buffers that there are not keep nobody waiting, and whoever has them is not to blame.
func TestPinsOfNoBuffer(t *testing.T) {
	p, c, in := topic(t, Buffers(2), Timeout(time.Millisecond))
	vandal, err := Open[uint64]("t", in)
	must(t, err)
	defer vandal.Close()
	vandal.pins.Store(1<<32 - 1<<2)
	must(t, p.Write(2))
	g, err := c.RLock()
	must(t, err)
	must(t, p.Write(3))
	var held *HeldError
	if err := p.Write(4); !errors.As(err, &held) || len(held.Holders) != 1 || held.Holders[0].Slot != c.index {
		t.Errorf("Write: %v, want a HeldError that names slot %d alone", err, c.index)
	}
	must(t, g.Unlock())
}

// Buffers are used in turn, so that a copy that is under way has the longest time to end.
func TestBuffersInTurn(t *testing.T) {
	p, _, _ := topic(t)
	for i := range 9 {
		before := p.cur
		must(t, p.Write(uint64(i)))
		check(t, "buffer", p.cur, (before+1)%4)
	}
}

// A command is whatever its process, or a vandal, has written: nothing of it reaches a terminal
// that the terminal would act on.
func TestCommandText(t *testing.T) {
	for raw, want := range map[string]string{
		"": "?", "\x00abc": "?", "cmd\x00left over": "cmd", "a\x1b[2Jb\x7f": "a?[2Jb?", "\xff\xc3ä": "??ä", "exactly 16 bytes": "exactly 16 bytes",
	} {
		check(t, "text", commandText([]byte(raw)), want)
	}
}
