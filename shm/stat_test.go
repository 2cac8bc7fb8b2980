//go:build linux

package shm

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What Stat says of a publisher that writes, died while it wrote, or was replaced.
func TestStatOfStates(t *testing.T) {
	look := func(in Option, state State, torn bool, number, writes uint64) {
		t.Helper()
		s, err := Stat("t", in)
		must(t, err)
		check(t, "State", s.State, state)
		check(t, "Torn", s.Torn, torn)
		check(t, "Number", s.Number, number)
		check(t, "Writes", s.Writes, writes)
		if torn {
			check(t, "Age", s.Age, -1)
			check(t, "SampleAge", s.SampleAge, -1)
		}
	}
	p, _, in := topic(t, Buffers(1))
	must(t, p.Close())
	p, err := Create("t", uint64(2), in, Buffers(1))
	must(t, err)
	look(in, Alive, false, 2, 1)
	_, err = p.Lock()
	must(t, err)
	s, err := Stat("t", in)
	must(t, err)
	check(t, "Torn while it is written", s.Torn, false)
	p.seg.pub.lock.Store(p.seg.pub.lock.Load()&^3 | 2)
	die(p.seg)
	look(in, Died, true, 2, 1)

	p, c, in := topic(t, Buffers(1))
	p.seg.pub.lock.Store(1) // closed, by one who died before it was inside
	die(p.seg)
	look(in, Died, false, 1, 1)

	p, d, in := topic(t)
	p.seg.retire()
	look(in, Replaced, false, 1, 1)

	for _, c := range []*Consumer[uint64]{c, d} {
		must(t, c.Close())
	}
}

// What Stat says of figures that cannot be.
func TestStatOfLies(t *testing.T) {
	p, _, in := topic(t)
	p.words.sign(p.number + 5)
	s, err := Stat("t", in)
	must(t, err)
	check(t, "Writes", s.Writes, 0)
	p.bufs[p.cur].sequence.Store(9) // being written, so that the version is all that can be said
	s, err = Stat("t", in)
	must(t, err)
	check(t, "Number", s.Number, 1)
	check(t, "Writes", s.Writes, 0)
	check(t, "Age", s.Age, -1)
	p.bufs[p.cur].sequence.Store(1 << 1)

	empty, err := CreateBytes("empty", 8, nil, in)
	must(t, err)
	defer empty.Close()
	empty.words.sign(5)
	s, err = Stat("empty", in)
	must(t, err)
	check(t, "Writes of an empty topic", s.Writes, 0)
	check(t, "Age of an empty topic", s.Age, -1)

	timeless, err := Create("timeless", uint64(1), in, NoTimestamps())
	must(t, err)
	defer timeless.Close()
	s, err = Stat("timeless", in)
	must(t, err)
	check(t, "Age without times", s.Age, -1)
	check(t, "SampleAge without times", s.SampleAge, -1)

	must(t, unix.Ftruncate(empty.seg.fd, 70000)) // nobody touches what is cut off
	if _, err = Stat("empty", in); err == nil {
		t.Error("Stat of a topic that was cut short")
	}
	must(t, unix.Ftruncate(empty.seg.fd, empty.seg.geo.fileSize()))
}

// The last slot there is counts like any other, and a guard of either kind shows.
func TestStatOfConsumers(t *testing.T) {
	for _, n := range []int{1, 4} {
		_, c, in := topic(t, Slots(2), Buffers(n))
		last, err := Open[uint64]("t", in)
		must(t, err)
		g, err := last.RLock()
		must(t, err)
		must(t, c.Close())
		ok, err := lockByte(last.seg.fd, slotByte(2)) // beyond the last slot: nobody's
		check(t, "the byte", ok, true)
		must(t, err)
		s, err := Stat("t", in)
		must(t, err)
		if len(s.Consumers) != 1 || s.Consumers[0].Slot != 1 || !s.Consumers[0].Holding {
			t.Errorf("Consumers %+v, want slot 1, which holds a guard", s.Consumers)
		}
		must(t, g.Unlock())
		must(t, last.Close())
	}
}

// A topic that is removed while List looks is none.
func TestListWhileRemoved(t *testing.T) {
	in := InDir(t.TempDir())
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			p, err := Create("t", uint64(1), in)
			if err == nil {
				err = p.Remove()
			}
			select {
			case <-stop:
				done <- err
				return
			default:
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
		list, err := List(in)
		must(t, err)
		for _, s := range list {
			must(t, s.Err)
		}
	}
	close(stop)
	must(t, <-done)
}
