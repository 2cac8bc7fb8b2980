package futex_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tism-go/tism/futex"
)

// The steps of the lock that only an unlucky moment shows, one by one. docs/models/lock.pml
// says why each is there.

func wantBlocked(t *testing.T, what string, err error, slot int) {
	t.Helper()
	var blocked *futex.BlockedError
	if !errors.As(err, &blocked) || blocked.Slot != slot {
		t.Errorf("%s: %v, want a BlockedError of slot %d", what, err, slot)
	}
}

// A reader that waits is passed over by the writer that it waits for, and not by the next
// one: that reader is granted the lock, whether it has noticed or not.
func TestGranted(t *testing.T) {
	l, p := newLock(2)
	w := l.Writer()
	futex.SetWaiting(&p.slots[1])
	must(t, w.Lock(t.Context(), 0))
	must(t, w.Unlock())
	wantBlocked(t, "Lock beside a granted reader", w.Lock(t.Context(), time.Millisecond), 1)

	// The same where Lock finds it after another slot, which it reaps.
	l, p = newLock(2)
	w = l.Writer()
	must(t, w.Lock(t.Context(), 0))
	must(t, w.Unlock())
	must(t, l.Reader(0).RLock(t.Context(), 0))
	p.dead.Store(0, true)
	futex.SetWaiting(&p.slots[1])
	wantBlocked(t, "Lock beside a dead and a granted reader", w.Lock(t.Context(), time.Millisecond), 1)
}

// A reader that gives up leaves nothing behind that a later writer would wait for.
func TestReaderGivesUp(t *testing.T) {
	l, _ := newLock(1)
	w, r := l.Writer(), l.Reader(0)
	for _, in := range []func() bool{r.TryRLock, func() bool { return r.RLock(t.Context(), 0) == nil }} {
		must(t, w.Lock(t.Context(), 0))
		if in() {
			t.Error("the reader is in beside the writer")
		}
		must(t, w.Unlock())
		must(t, w.Lock(t.Context(), 0))
		must(t, w.Unlock())
	}
}

// After a Lock that gave up, readers that wait come first.
func TestReadersFirstAfterAborted(t *testing.T) {
	for start := time.Now(); ; {
		l, p := newLock(2)
		w, inside := l.Writer(), l.Reader(1)
		must(t, inside.RLock(t.Context(), -1))
		wantErr(t, "Lock beside a reader", w.Lock(t.Context(), 0), futex.ErrTimeout)
		must(t, inside.RUnlock())
		futex.SetWaiting(&p.slots[0])
		err := w.Lock(t.Context(), 0)
		if err != nil { // within a slice of the Lock that gave up, unless the machine was busy
			wantBlocked(t, "Lock", err, 0)
			return
		}
		if time.Since(start) > patience {
			t.Fatal("the writer never lets the waiting reader in first")
		}
	}
}

// A successor takes over while a reader finds out that its writer is dead. Each answer of
// WriterAlive is a moment in which that can happen.
func TestSuccessorWhileOrphaned(t *testing.T) {
	const closed, writing = 1, 2
	for name, when := range map[string]struct {
		word  uint32
		alive int // the question from which on the answer is yes
	}{
		"before held":           {closed, 2},
		"between held and torn": {writing, 3},
	} {
		t.Run(name, func(t *testing.T) {
			l, p := newLock(1)
			l.Word.Store(when.word)
			asked := 0
			l.Peers = answers{p, func() bool {
				if asked++; asked > when.alive {
					if !futex.Waiting(&p.slots[0]) {
						t.Error("the reader does not wait for the successor")
					}
					l.Word.Store(1 << 2) // which has written
				}
				return asked >= when.alive
			}}
			must(t, l.Reader(0).RLock(t.Context(), patience))
			if asked <= when.alive {
				t.Errorf("the reader is in after %d questions, beside the successor", asked)
			}
		})
	}
}

// answers are peers whose writer is what a function says.
type answers struct {
	*peers
	alive func() bool
}

func (a answers) WriterAlive() bool { return a.alive() }

// TestRWLockHandshake has a reader and a writer take the lock at the same time, again and again:
// for want of a fence, or with a load before its store, both get it. How often depends on the
// machine; it takes two CPUs.
func TestRWLockHandshake(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs")
	}
	if os.Getenv("TISM_EMULATED") != "" && runtime.GOARCH == "arm64" {
		t.Skip("QEMU lets an arm64 LDAR pass an earlier STLR, which no real CPU does")
	}
	l, _ := newLock(1)
	r, w := l.Reader(0), l.Writer()
	var begin, done atomic.Uint32 // rounds
	reading := false
	go func() {
		for n := uint32(1); n != 0; n++ {
			for begin.Load() < n {
				runtime.Gosched()
			}
			reading = begin.Load() != over && r.Enter()
			done.Store(n)
			if begin.Load() == over {
				return
			}
		}
	}()
	both, n := 0, uint32(0)
	for start := time.Now(); n < 50_000 && time.Since(start) < 3*time.Second; {
		n++
		begin.Store(n)
		for range n % 256 {
			done.Load() // the other one needs a moment to see it
		}
		writing := w.Lock(t.Context(), 0) == nil
		for done.Load() < n {
			runtime.Gosched()
		}
		if reading && writing {
			both++
		}
		if writing {
			must(t, w.Unlock())
		}
		if !reading && !r.TryRLock() {
			t.Fatal("an open lock is not to be had")
		}
		must(t, r.RUnlock())
	}
	begin.Store(over)
	if both > 0 {
		t.Errorf("reader and writer inside together in %d of %d rounds", both, n)
	}
	t.Logf("%d rounds", n)
}

const over = 1<<32 - 1

// Nobody who lives depends on looking by itself after a slice: a lock that is given back, given up
// or reaped wakes whoever waits for it.
func TestRWLockWakes(t *testing.T) {
	futex.Slices(t, time.Hour, time.Hour)
	steps := map[string]func(t *testing.T, l *futex.RWLock, p *peers){
		"Unlock": func(t *testing.T, l *futex.RWLock, p *peers) {
			w, r := l.Writer(), l.Reader(0)
			must(t, w.Lock(t.Context(), -1))
			in := async(func() error { return r.RLock(t.Context(), -1) })
			await(t, "the reader waits", func() bool { return futex.Waiting(&p.slots[0]) })
			asleep()
			must(t, w.Unlock())
			must(t, <-in)
		},
		"Lock that gives up": func(t *testing.T, l *futex.RWLock, p *peers) {
			w, inside, r := l.Writer(), l.Reader(1), l.Reader(0)
			must(t, inside.RLock(t.Context(), -1))
			locked := async(func() error { return w.Lock(t.Context(), 50*time.Millisecond) })
			await(t, "the writer closes", func() bool { return l.Word.Load()&3 != 0 })
			in := async(func() error { return r.RLock(t.Context(), -1) })
			wantErr(t, "Lock", <-locked, futex.ErrTimeout)
			must(t, <-in)
		},
		"RUnlock": func(t *testing.T, l *futex.RWLock, p *peers) {
			w, r := l.Writer(), l.Reader(0)
			must(t, r.RLock(t.Context(), -1))
			in := async(func() error { return w.Lock(t.Context(), -1) })
			await(t, "the writer closes", func() bool { return l.Word.Load()&3 != 0 })
			asleep()
			must(t, r.RUnlock())
			must(t, <-in)
		},
		"RLock that meets a writer": func(t *testing.T, l *futex.RWLock, p *peers) {
			w, inside, r := l.Writer(), l.Reader(0), l.Reader(0)
			must(t, inside.RLock(t.Context(), -1))
			in := async(func() error { return w.Lock(t.Context(), -1) })
			await(t, "the writer closes", func() bool { return l.Word.Load()&3 != 0 })
			asleep()
			// As the slot's owner would that stored held too late.
			waited := async(func() error { return r.RLock(t.Context(), -1) })
			must(t, <-in)
			must(t, w.Unlock())
			must(t, <-waited)
		},
		"Clear": func(t *testing.T, l *futex.RWLock, p *peers) {
			w := l.Writer()
			must(t, l.Reader(0).RLock(t.Context(), -1))
			in := async(func() error { return w.Lock(t.Context(), -1) })
			await(t, "the writer closes", func() bool { return l.Word.Load()&3 != 0 })
			asleep()
			p.slots[0].Clear() // by a new owner
			must(t, <-in)
		},
	}
	for name, f := range steps {
		t.Run(name, func(t *testing.T) {
			l, p := newLock(2)
			ended := make(chan struct{})
			defer close(ended)
			watchdog(ended)
			f(t, l, p)
		})
	}
}

// asleep gives the other side the time to fall asleep. If it does not, nothing fails: it sees
// the change instead of sleeping.
func asleep() { time.Sleep(20 * time.Millisecond) }

// watchdog panics, to show all goroutines, if somebody sleeps on.
func watchdog(ended chan struct{}) {
	go func() {
		select {
		case <-ended:
		case <-time.After(patience):
			panic("somebody was not woken")
		}
	}()
}

func async(f func() error) chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); runtime.Gosched() {
		if time.Since(start) > patience {
			t.Fatalf("waited for %v until %s", patience, what)
		}
	}
}

// Many readers and a writer that gives up now and then, without slices.
func TestRWLockLosesNoWake(t *testing.T) {
	futex.Slices(t, time.Hour, time.Hour)
	const readers = 3
	l, _ := newLock(readers)
	var wg sync.WaitGroup
	var stop atomic.Bool
	ended := make(chan struct{})
	defer close(ended)
	watchdog(ended)
	for i := range readers {
		wg.Go(func() {
			for r := l.Reader(i); !stop.Load(); {
				must(t, r.RLock(t.Context(), -1))
				must(t, r.RUnlock())
			}
		})
	}
	w := l.Writer()
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; {
		if err := w.Lock(t.Context(), 20*time.Microsecond); err != nil {
			wantErr(t, "Lock", err, futex.ErrTimeout)
			must(t, w.Lock(t.Context(), -1))
		}
		must(t, w.Unlock())
	}
	stop.Store(true)
	wg.Wait()
}

// What a Lock spends on letting readers in, after one that gave up, counts as its own time; and
// when that is all of it, it has no time left rather than for ever.
func TestLockInTimeAfterAborted(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	watchdog(ended)
	const slice = 50 * time.Millisecond
	futex.Slices(t, slice, slice)
	l, p := newLock(2)
	w := l.Writer()
	must(t, l.Reader(1).RLock(t.Context(), -1))
	lock := func(d time.Duration) (took time.Duration) {
		wantErr(t, "Lock beside a reader", w.Lock(t.Context(), 0), futex.ErrTimeout)
		futex.SetWaiting(&p.slots[0])
		start := time.Now()
		wantErr(t, "Lock beside a reader", w.Lock(t.Context(), d), futex.ErrTimeout)
		took = time.Since(start)
		p.slots[0].Clear()
		return took
	}
	shortest := time.Hour
	for range 5 {
		lock(slice)
		shortest = min(shortest, lock(2*slice))
	}
	if shortest > 5*slice/2 {
		t.Errorf("a Lock of %v took %v", 2*slice, shortest)
	}
}

// An unlock that had to wake the writer is over like any other.
func TestSecondRUnlock(t *testing.T) {
	l, _ := newLock(1)
	w, r := l.Writer(), l.Reader(0)
	must(t, r.RLock(t.Context(), -1))
	in := async(func() error { return w.Lock(t.Context(), -1) })
	await(t, "the writer closes", func() bool { return l.Word.Load()&3 != 0 })
	must(t, r.RUnlock())
	wantErr(t, "second RUnlock", r.RUnlock(), futex.ErrNotLocked)
	must(t, <-in)
	must(t, w.Unlock())
}
