package futex_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tism-go/tism/futex"
)

// patience is for what must happen and has no reason to take long.
const patience = 30 * time.Second

// peers are the living and the dead of a test.
type peers struct {
	slots  []futex.Slot
	used   atomic.Int32
	writer atomic.Bool // lives
	dead   sync.Map    // of slots
}

func (p *peers) WriterAlive() bool { return p.writer.Load() }
func (p *peers) Slots() int        { return int(p.used.Load()) }
func (p *peers) Reap(i int) bool {
	if _, dead := p.dead.Load(i); !dead {
		return false
	}
	p.slots[i].Clear()
	return true
}

func newLock(slots int) (*futex.RWLock, *peers) {
	p := &peers{slots: make([]futex.Slot, slots)}
	p.used.Store(int32(slots))
	p.writer.Store(true)
	return &futex.RWLock{Word: new(atomic.Uint32), Slots: p.slots, Peers: p}, p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestWait(t *testing.T) {
	var w atomic.Uint32
	must(t, futex.Wait(&w, 1, -1)) // another value: no sleep
	err := futex.Wait(&w, 0, time.Millisecond)
	wantErr(t, "Wait", err, futex.ErrTimeout)
	wantErr(t, "Wait", err, os.ErrDeadlineExceeded)
	wantErr(t, "Wait", err, context.DeadlineExceeded)
	wantErr(t, "Wait for no time", futex.Wait(&w, 0, 0), futex.ErrTimeout)
	if n := futex.Wake(&w, futex.All); n != 0 {
		t.Errorf("Wake without sleepers woke %d", n)
	}
}

func TestWakeCounts(t *testing.T) {
	var w atomic.Uint32
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for w.Load() == 0 {
				_ = futex.Wait(&w, 0, patience)
			}
		})
	}
	woken := 0
	for start := time.Now(); woken < 3; runtime.Gosched() {
		if time.Since(start) > patience {
			t.Fatalf("woke %d of 3", woken)
		}
		if n := futex.Wake(&w, 1); n > 1 {
			t.Fatalf("Wake(1) woke %d", n)
		} else {
			woken += n
		}
	}
	w.Store(1)
	futex.Wake(&w, futex.All)
	wg.Wait()
}

func TestLimitContext(t *testing.T) {
	var w atomic.Uint32
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel) // in the third slice, with the alarm set
	limit := futex.Within(ctx, -1)
	var err error
	for err == nil {
		err = limit.Wait(&w, 0)
	}
	wantErr(t, "Wait", err, context.Canceled)
	limit.Stop()
	for start := time.Now(); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Since(start) > patience {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
	ended := futex.Within(ctx, -1)
	wantErr(t, "Wait with a context that is done", ended.Wait(&w, 0), context.Canceled)
	none := futex.Within(t.Context(), 0)
	wantErr(t, "Wait without time", none.Wait(&w, 0), futex.ErrTimeout)
}

// Every ring reaches every waiter that had not seen the news.
func TestEventLosesNothing(t *testing.T) {
	rounds := uint32(3000)
	if testing.Short() {
		rounds = 300
	}
	var r ringing
	for i := range r.acks {
		r.wg.Go(func() { r.listen(t, i, rounds) })
	}
	armed := 0
	for n := uint32(1); n <= rounds && !t.Failed(); n++ {
		armed += int(r.bell.Peek() & 1)
		r.news.Store(n)
		r.bell.Ring(n)
		r.rungAt.Store(int64(time.Since(began)))
		r.rung.Store(n)
		for i := range r.acks {
			for r.acks[i].Load() < n && !t.Failed() {
				runtime.Gosched()
			}
		}
	}
	r.wg.Wait()
	if armed == 0 {
		t.Error("nobody ever slept when the bell rang")
	}
	if !t.Failed() && r.bell.Number() != rounds {
		t.Errorf("Number = %d, want %d", r.bell.Number(), rounds)
	}
	r.bell.RingAll()
	if !t.Failed() && r.bell.Number() != rounds+1 {
		t.Errorf("Number after RingAll = %d, want %d", r.bell.Number(), rounds+1)
	}
}

var began = time.Now()

// A ringing is a bell that says that news has changed. Nobody goes on to the next round
// before all have heard of this one.
type ringing struct {
	bell   futex.Event
	news   atomic.Uint32
	rungAt atomic.Int64  // when the last Ring had returned
	rung   atomic.Uint32 // its round
	acks   [3]atomic.Uint32
	wg     sync.WaitGroup
}

// listen sleeps without slices, so that a lost ring is seen as what it is, however slow
// the machine: a sleep that ended by itself although the bell had rung before. (A ring
// before the sleep began changes the word, and then there is no sleep.)
func (r *ringing) listen(t *testing.T, i int, rounds uint32) {
	const nap = 2 * time.Second
	for seen := uint32(0); seen < rounds && !t.Failed(); {
		armed := r.bell.Arm()
		if n := r.news.Load(); n != seen {
			seen = n
			r.acks[i].Store(n)
			continue
		}
		end := time.Since(began) + nap
		err := futex.Wait(r.bell.Word(), armed, nap)
		if err != nil && !errors.Is(err, futex.ErrTimeout) {
			t.Error(err)
		}
		if err != nil && r.rung.Load() != seen && time.Duration(r.rungAt.Load()) < end {
			t.Errorf("round %d: the bell rang and did not wake a sleeper", seen+1)
		}
	}
}

func TestRWLock(t *testing.T) {
	l, _ := newLock(2)
	ctx := t.Context()
	w, r, s := l.Writer(), l.Reader(0), l.Reader(1)
	wantErr(t, "Unlock", w.Unlock(), futex.ErrNotLocked)
	wantErr(t, "RUnlock", r.RUnlock(), futex.ErrNotLocked)

	must(t, r.RLock(ctx, 0))
	must(t, s.RLock(ctx, 0))
	wantErr(t, "nested RLock", r.RLock(ctx, 0), futex.ErrLocked)
	if r.TryRLock() {
		t.Error("nested TryRLock")
	}
	err := w.Lock(ctx, time.Millisecond)
	wantErr(t, "Lock", err, futex.ErrTimeout)
	var blocked *futex.BlockedError
	if !errors.As(err, &blocked) || blocked.Slot != 0 {
		t.Errorf("Lock: %v, want a BlockedError of slot 0", err)
	}
	must(t, r.RUnlock())
	err = w.Lock(ctx, time.Millisecond)
	if !errors.As(err, &blocked) || blocked.Slot != 1 {
		t.Errorf("Lock: %v, want a BlockedError of slot 1", err)
	}
	must(t, r.RLock(ctx, 0)) // a Lock that gave up leaves the lock open
	must(t, r.RUnlock())
	must(t, s.RUnlock())

	must(t, w.Lock(ctx, 0))
	wantErr(t, "nested Lock", w.Lock(ctx, 0), futex.ErrLocked)
	wantErr(t, "RLock against a writer", r.RLock(ctx, time.Millisecond), futex.ErrTimeout)
	if r.TryRLock() {
		t.Error("TryRLock against a writer")
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	wantErr(t, "RLock against a writer", r.RLock(short, -1), context.DeadlineExceeded)
	must(t, w.Unlock())
	if !r.TryRLock() {
		t.Error("TryRLock of an open lock")
	}
	must(t, r.RUnlock())
}

// Readers see the two words equal; the writer makes them differ for a moment.
func TestRWLockExcludes(t *testing.T) {
	const readers, writes = 4, 3000
	l, _ := newLock(readers)
	var a, b int // guarded by the lock; the race detector cannot know
	var ga, gb atomic.Int64
	var wg sync.WaitGroup
	var stop atomic.Bool
	for i := range readers {
		wg.Go(func() {
			r := l.Reader(i)
			for !stop.Load() {
				if err := r.RLock(t.Context(), patience); err != nil {
					t.Error(err)
					return
				}
				if x, y := ga.Load(), gb.Load(); x != y {
					t.Errorf("inside together: %d, %d", x, y)
				}
				if err := r.RUnlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	w := l.Writer()
	for range writes {
		must(t, w.Lock(t.Context(), patience))
		a++
		ga.Store(int64(a))
		b++
		gb.Store(int64(b))
		must(t, w.Unlock())
	}
	stop.Store(true)
	wg.Wait()
}

func TestRWLockDeadReader(t *testing.T) {
	l, p := newLock(1)
	must(t, l.Reader(0).RLock(t.Context(), 0))
	p.dead.Store(0, true)
	w := l.Writer()
	must(t, w.Lock(t.Context(), patience))
	must(t, w.Unlock())
}

func TestRWLockLeaseLost(t *testing.T) {
	l, p := newLock(1)
	r := l.Reader(0)
	must(t, r.RLock(t.Context(), 0))
	p.slots[0].Clear()
	wantErr(t, "RUnlock", r.RUnlock(), futex.ErrLeaseLost)
}

func TestRWLockDeadWriter(t *testing.T) {
	l, p := newLock(1)
	r := l.Reader(0)
	must(t, l.Writer().Lock(t.Context(), 0))
	p.writer.Store(false)
	wantErr(t, "RLock", r.RLock(t.Context(), patience), futex.ErrTorn)

	p.writer.Store(true)
	w := l.Writer() // the successor
	if !w.Torn() {
		t.Error("Torn = false after a writer died inside")
	}
	got := make(chan error, 1)
	go func() { got <- r.RLock(t.Context(), patience) }()
	must(t, w.Lock(t.Context(), 0))
	must(t, w.Unlock())
	must(t, <-got)
	if w.Torn() {
		t.Error("Torn = true after a whole write")
	}
	must(t, r.RUnlock())
}

// A writer that died before it was inside left a whole value.
func TestRWLockDeadBeforeInside(t *testing.T) {
	l, p := newLock(2)
	r, s := l.Reader(0), l.Reader(1)
	must(t, r.RLock(t.Context(), 0))
	got := make(chan error, 1)
	closing := l.Writer()
	go func() { got <- closing.Lock(t.Context(), patience) }()
	for start := time.Now(); s.TryRLock(); runtime.Gosched() { // until it has closed
		must(t, s.RUnlock())
		if time.Since(start) > patience {
			t.Fatal("Lock does not close")
		}
	}
	p.writer.Store(false)
	must(t, s.RLock(t.Context(), patience)) // the writer is dead and was not inside
	must(t, s.RUnlock())
	must(t, r.RUnlock())
	must(t, <-got)
}

// A successor that has nothing to write does not leave the lock as closed as it found it
// (docs/models/counterexamples/lock-successor-leaves-closed.txt).
func TestRWLockSuccessorReopens(t *testing.T) {
	l, _ := newLock(1)
	l.Word.Store(1) // closed, in phase 0: the writer died waiting
	r := l.Reader(0)
	got := make(chan error, 1)
	go func() { got <- r.RLock(t.Context(), patience) }()
	l.Writer()
	must(t, <-got)
	must(t, r.RUnlock())
}

func TestAbandon(t *testing.T) {
	l, p := newLock(1)
	w, r := l.Writer(), l.Reader(0)
	w.Abandon() // of nothing
	if w.Torn() {
		t.Error("torn without a write")
	}
	must(t, w.Lock(t.Context(), 0))
	w.Abandon()
	wantErr(t, "RLock while the writer lives", r.RLock(t.Context(), time.Millisecond), futex.ErrTimeout)
	must(t, w.Lock(t.Context(), 0))
	must(t, w.Unlock())
	must(t, r.RLock(t.Context(), 0))
	must(t, r.RUnlock())
	must(t, w.Lock(t.Context(), 0))
	w.Abandon()
	p.writer.Store(false)
	wantErr(t, "RLock after the writer died", r.RLock(t.Context(), patience), futex.ErrTorn)
}

// What peers say of slots is not believed beyond what there is.
func TestHostileSlots(t *testing.T) {
	l, p := newLock(2)
	w := l.Writer()
	for _, n := range []int32{-1, 1 << 30, -1 << 31} {
		p.used.Store(n)
		must(t, w.Lock(t.Context(), 0))
		must(t, w.Unlock())
	}
}

func TestNoAllocations(t *testing.T) {
	l, _ := newLock(1)
	w, r, ctx := l.Writer(), l.Reader(0), t.Context()
	if n := testing.AllocsPerRun(100, func() {
		must(t, w.Lock(ctx, -1))
		must(t, w.Unlock())
		must(t, r.RLock(ctx, -1))
		must(t, r.RUnlock())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRLock(b *testing.B) {
	l := &futex.RWLock{Word: new(atomic.Uint32), Slots: make([]futex.Slot, 1), Peers: &peers{}}
	r, ctx := l.Reader(0), b.Context()
	for range b.N {
		if err := r.RLock(ctx, -1); err != nil {
			b.Fatal(err)
		}
		if err := r.RUnlock(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLock(b *testing.B) {
	l := &futex.RWLock{Word: new(atomic.Uint32), Slots: make([]futex.Slot, 1), Peers: &peers{}}
	w, ctx := l.Writer(), b.Context()
	for range b.N {
		if err := w.Lock(ctx, -1); err != nil {
			b.Fatal(err)
		}
		if err := w.Unlock(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestShortLockAfterAborted: after a Lock that gave up, the next one lets the readers in that
// wait, but not for longer than its own caller has time.
func TestShortLockAfterAborted(t *testing.T) {
	l, p := newLock(2)
	inside := l.Reader(1)
	must(t, inside.RLock(t.Context(), -1))
	w := l.Writer()
	shortest := time.Hour
	for range 20 {
		wantErr(t, "Lock beside a reader", w.Lock(t.Context(), 10*time.Millisecond), futex.ErrTimeout)
		futex.SetWaiting(&p.slots[0]) // as a reader that was stopped while it waited
		start := time.Now()
		wantErr(t, "Lock without time", w.Lock(t.Context(), 0), futex.ErrTimeout)
		shortest = min(shortest, time.Since(start))
		if s := l.Word.Load(); s&3 != 0 {
			t.Fatalf("the lock is left at %d", s)
		}
		p.slots[0].Clear()
	}
	// It would sleep for 10 ms every time.
	if shortest >= 10*time.Millisecond {
		t.Errorf("a Lock that may not wait took %v", shortest)
	}
	// Whoever waits has had its slice now: the writer is not held up for ever.
	futex.SetWaiting(&p.slots[0])
	must(t, inside.RUnlock())
	for start := time.Now(); ; runtime.Gosched() {
		err := w.Lock(t.Context(), 0)
		if err == nil {
			break
		}
		wantErr(t, "Lock", err, futex.ErrTimeout)
		if time.Since(start) > patience {
			t.Fatal("a waiting reader that was stopped holds the writer up for ever")
		}
	}
	must(t, w.Unlock())
}
