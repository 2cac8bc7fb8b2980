package checks

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

// Litmus tests: two CPUs run a few accesses against each other, millions of times, in a way that shows
// each outcome that memory order forbids. They are perpetual: values count up, so that each round of one
// side can be compared with every round of the other and nobody waits for anybody.
//
// Each has a control, the same with plain accesses that ask the machine for no order at all. What the
// control shows is no failure. It tells whether the machine, the CPUs chosen and the loop would have shown
// a missing barrier: a pass beside a control that saw nothing proves little.

var litmusTests = []suite.Test{
	{
		Name: "litmus/store-buffering", About: "after a store, an atomic load of another word does not return what was there before (all handshakes rest on it)",
		Time: 5 * time.Second, Run: func(t *suite.T) { litmus(t, storeBuffering{}) },
	},
	{
		Name: "litmus/message-passing", About: "who sees an atomic store sees what was written before it",
		Time: 5 * time.Second, Run: func(t *suite.T) { litmus(t, messagePassing{}) },
	},
	{
		Name: "litmus/sequence", About: "a copy that its sequence number validates is whole, through a topic; the control leaves the fences out",
		Time: 6 * time.Second, Run: litmusSequence,
	},
	{
		Name: "litmus/lock", About: "nobody is inside the reader-writer lock beside its writer; the control is the same handshake with plain accesses",
		Time: 6 * time.Second, Run: litmusLock,
	},
	{
		Name: "litmus/guard", About: "two buffers, so that each guard races with the publisher's choice: a value under a guard stays as it is",
		Time: 6 * time.Second, Run: litmusGuard,
	},
}

// A pair is a test with two sides. Each runs its rounds n to n+len(saw) and notes what it saw.
type pair interface {
	strong(c *cells, n uint32, saw [2][]uint32) (left, right func())
	weak(c *cells, n uint32, saw [2][]uint32) (left, right func())
	// count compares the notes of both sides and returns how many forbidden outcomes are in them.
	count(n uint32, saw [2][]uint32) int
}

// cells are two words that do not share a line, nor a pair of lines.
type cells struct {
	x atomic.Uint32
	_ [252]byte
	y atomic.Uint32
	_ [252]byte
}

const litmusRounds = 1 << 16 // of a batch: 512 KiB of notes

func litmus(t *suite.T, p pair) {
	cpus := proc.CPUs()
	if len(cpus) < 2 {
		t.Skipf("needs two CPUs")
	}
	strong := runPair(t, cpus, t.Part(0.7), p.strong, p.count)
	weak := runPair(t, cpus, t.Part(0.3), p.weak, p.count)
	judge(t, strong, weak)
}

// A verdict is how many rounds had a forbidden outcome.
type verdict struct{ forbidden, rounds int }

// judge reports both variants, and fails the test if the strong one shows what must not be.
func judge(t *suite.T, strong, weak verdict) {
	t.Count("rounds", strong.rounds)
	t.Count("reordered", strong.forbidden)
	t.Figure("control reordered", 1e6*float64(weak.forbidden)/float64(max(1, weak.rounds)), "per million", "")
	switch {
	case unordered(t):
		t.Skipf("not judged: emulated, and QEMU's arm64 does not keep the machine's order")
	case strong.forbidden > 0:
		t.Errorf("%d of %d rounds saw what memory order forbids: on this machine values can be torn", strong.forbidden, strong.rounds)
	case weak.forbidden == 0:
		t.Notef("the control without barriers saw nothing out of order either: this run proves little about order")
	}
}

// runPair runs batches on all ordered pairs of neighbours among the CPUs by turns, since cores that share
// a cache behave otherwise than those that do not.
func runPair(t *suite.T, cpus []int, d time.Duration, sides func(*cells, uint32, [2][]uint32) (func(), func()), count func(uint32, [2][]uint32) int) (v verdict) {
	var c cells
	saw := [2][]uint32{make([]uint32, litmusRounds), make([]uint32, litmusRounds)}
	n := uint32(1)
	for i, start := 0, time.Now(); time.Since(start) < d; i++ {
		if n > 1<<31 { // the counts would wrap
			n = 1
			c.x.Store(0)
			c.y.Store(0)
		}
		left, right := sides(&c, n, saw)
		a, b := pairOf(cpus, i)
		t.Must(together(a, b, left, right))
		v.forbidden += count(n, saw)
		v.rounds += litmusRounds
		n += litmusRounds
	}
	return v
}

// pairOf is the i-th pair of different CPUs, going round.
func pairOf(cpus []int, i int) (a, b int) {
	n := len(cpus)
	distance := 1 + i/n%(n-1)
	return cpus[i%n], cpus[(i+distance)%n]
}

// together runs two functions at the same time on two CPUs.
func together(a, b int, left, right func()) error {
	var ready atomic.Int32
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, side := range []struct {
		cpu int
		f   func()
	}{{a, left}, {b, right}} {
		wg.Go(func() {
			errs[i] = proc.OnCPU(side.cpu, func() {
				ready.Add(1)
				for ready.Load() < 2 {
					runtime.Gosched()
				}
				side.f()
			})
			if errs[i] != nil {
				ready.Add(1)
			}
		})
	}
	wg.Wait()
	if errs[0] != nil {
		return errs[0]
	}
	return errs[1]
}

// storeBuffering: each side stores its round to its own word and then loads the other's. Had the left, in
// its round n, loaded the right's round m, then the right's round m+1 stored after that load, and must see
// the left's n.
type storeBuffering struct{}

func (storeBuffering) strong(c *cells, n uint32, saw [2][]uint32) (left, right func()) {
	side := func(own, other *atomic.Uint32, saw []uint32) func() {
		return func() {
			for i := range saw {
				own.Store(n + uint32(i))
				saw[i] = other.Load()
			}
		}
	}
	return side(&c.x, &c.y, saw[0]), side(&c.y, &c.x, saw[1])
}

func (storeBuffering) weak(c *cells, n uint32, saw [2][]uint32) (left, right func()) {
	return func() { plainStoreLoad(plain(&c.x), plain(&c.y), n, saw[0]) }, func() { plainStoreLoad(plain(&c.y), plain(&c.x), n, saw[1]) }
}

func (storeBuffering) count(n uint32, saw [2][]uint32) (forbidden int) {
	for i, m := range saw[0] {
		if next := int(m) + 1 - int(n); next >= 0 && next < len(saw[1]) && saw[1][next] < n+uint32(i) {
			forbidden++
		}
	}
	return forbidden
}

// messagePassing: the left stores its round to x and then to y; the right loads y and then x, and must not
// see an older x than y.
type messagePassing struct{}

func (messagePassing) strong(c *cells, n uint32, saw [2][]uint32) (left, right func()) {
	x := plain(&c.x)
	return func() {
			for i := range uint32(len(saw[0])) {
				storePlain(x, n+i)
				c.y.Store(n + i)
			}
		}, func() {
			for i := range saw[1] {
				saw[0][i] = c.y.Load()
				saw[1][i] = loadPlain(x)
			}
		}
}

func (messagePassing) weak(c *cells, n uint32, saw [2][]uint32) (left, right func()) {
	return func() { plainStoreStore(plain(&c.x), plain(&c.y), n, len(saw[0])) }, func() { plainLoadLoad(plain(&c.y), plain(&c.x), saw[0], saw[1]) }
}

func (messagePassing) count(_ uint32, saw [2][]uint32) (forbidden int) {
	for i, flag := range saw[0] {
		if saw[1][i] < flag {
			forbidden++
		}
	}
	return forbidden
}

// fails keeps the first error of what runs in two goroutines.
type fails struct {
	mu    sync.Mutex
	n     int
	first error
}

func (f *fails) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; f.first == nil {
		f.first = err
	}
}

func (f *fails) report(t *suite.T) {
	if f.n > 0 {
		t.Errorf("%d times: %v", f.n, fmt.Sprint(f.first))
	}
}
