package checks

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/futex"
	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// The litmus tests of the library's own code: what is judged are its barriers, not copies of them.

// race runs two loops against each other on two CPUs until the time is over, by turns on all pairs. A loop
// does a batch of rounds each time that it is called, and returns how many.
func race(t *suite.T, d time.Duration, left, right func() (rounds int, err error)) (rounds int) {
	cpus := proc.CPUs()
	if len(cpus) < 2 {
		t.Skipf("needs two CPUs")
	}
	var f fails
	var n atomic.Int64
	// On a busy machine the two sides may seldom run at the same time: then it takes longer.
	more := func(took time.Duration) bool { return took < d || n.Load() < batch && took < 10*time.Second }
	for i, start := 0, time.Now(); more(time.Since(start)); i++ {
		loop := func(side func() (int, error)) func() {
			return func() {
				for end := time.Now().Add(stint); time.Now().Before(end); {
					done, err := side()
					n.Add(int64(done))
					if err != nil {
						f.add(err)
					}
				}
			}
		}
		a, b := pairOf(cpus, i)
		t.Must(together(a, b, loop(left), loop(right)))
	}
	if unordered(t) {
		t.Count("rounds", int(n.Load()))
		t.Skipf("not judged: emulated, and QEMU's arm64 does not keep the machine's order")
	}
	f.report(t)
	if n.Load() == 0 {
		t.Errorf("no round came to its end in %v", d)
	}
	return int(n.Load())
}

const (
	batch = 1000                  // rounds between two looks at the clock
	stint = 20 * time.Millisecond // on one pair of CPUs
)

// control notes what a weak variant saw.
func control(t *suite.T, d time.Duration, left, right func() (rounds, forbidden int)) {
	cpus := proc.CPUs()
	var rounds, forbidden atomic.Int64
	for i, start := 0, time.Now(); time.Since(start) < d; i++ {
		loop := func(side func() (int, int)) func() {
			return func() {
				for end := time.Now().Add(stint); time.Now().Before(end); {
					n, bad := side()
					rounds.Add(int64(n))
					forbidden.Add(int64(bad))
				}
			}
		}
		a, b := pairOf(cpus, i)
		t.Must(together(a, b, loop(left), loop(right)))
	}
	t.Figure("control torn", 1e6*float64(forbidden.Load())/float64(max(1, rounds.Load())), "per million", "")
}

// topicPair makes a topic with two buffers and a consumer of it, in this process.
func topicPair(t *suite.T, opts ...shm.Option) (*shm.Publisher[[8]uint64], *shm.Consumer[[8]uint64]) {
	dir := shm.InDir(t.TempDir())
	p, err := shm.Create(topic, *stamped[[8]uint64](1), dir, shm.Buffers(2), shm.NoTimestamps(), shm.Timeout(patience))
	t.Must(err)
	t.Cleanup(func() { _ = p.Close() })
	c, err := shm.Open[[8]uint64](topic, append(opts, dir)...)
	t.Must(err)
	t.Cleanup(func() { _ = c.Close() })
	return p, c
}

// publishBatch returns a side of a race that publishes.
func publishBatch(p *shm.Publisher[[8]uint64]) func() (int, error) {
	v := new([8]uint64)
	return func() (int, error) {
		for range batch {
			stamp(v, p.TotalWrites()+1)
			if err := p.WriteFrom(v); err != nil {
				return 0, err
			}
		}
		return 0, nil
	}
}

// litmusSequence copies without a slot, so that nothing but the sequence protects the copy.
func litmusSequence(t *suite.T) {
	p, c := topicPair(t, shm.ReadOnly())
	v := new([8]uint64)
	overrun := 0
	rounds := race(t, t.Part(0.7), publishBatch(p), func() (int, error) {
		for range batch {
			err := c.ReadInto(v)
			if errors.Is(err, shm.ErrOverrun) {
				overrun++
				continue
			}
			if err == nil {
				err = whole(v, c.Info().Number)
			}
			if err != nil {
				return 0, err
			}
		}
		return batch, nil
	})
	t.Count("copies", rounds)
	t.Count("gave up", overrun)
	var weak weakSequence
	var n uint32
	var into [16]uint32
	control(t, t.Part(0.3), func() (int, int) {
		for range batch {
			n++
			weak.write(n)
		}
		return 0, 0
	}, func() (rounds, forbidden int) {
		for range batch {
			if n, ok := weak.read(&into); ok {
				rounds++
				if tornWords(&into, n) {
					forbidden++
				}
			}
		}
		return rounds, forbidden
	})
}

func tornWords(words *[16]uint32, n uint32) bool {
	for _, w := range words {
		if w&(1<<31-1) != n {
			return true
		}
	}
	return false
}

// litmusGuard takes and leaves guards against a publisher that has but one buffer to choose.
func litmusGuard(t *suite.T) {
	p, c := topicPair(t)
	rounds := race(t, t.Part(1), publishBatch(p), func() (int, error) {
		for range batch {
			g, err := c.RLock()
			if err != nil {
				return 0, err
			}
			err = whole(g.Value(), g.Info().Number)
			if again := whole(g.Value(), g.Info().Number); err == nil && again != nil {
				err = fmt.Errorf("under the guard: %w", again)
			}
			if err := errors.Join(err, g.Unlock()); err != nil {
				return 0, err
			}
		}
		return batch, nil
	})
	t.Count("guards", rounds)
}

// alive are peers that never die.
type alive struct{}

func (alive) WriterAlive() bool { return true }
func (alive) Reap(int) bool     { return false }
func (alive) Slots() int        { return 1 }

// litmusLock has plain words behind the lock. The writer leaves them all the same; the reader must find
// them so, and the writer must find what it left.
func litmusLock(t *suite.T) {
	var word atomic.Uint32
	lock := &futex.RWLock{Word: &word, Slots: make([]futex.Slot, 1), Peers: alive{}}
	w, r := lock.Writer(), lock.Reader(0)
	var behind [16]uint32
	var n uint32
	ctx := context.Background()
	rounds := race(t, t.Part(0.7), func() (int, error) {
		for range batch {
			if err := w.Lock(ctx, patience); err != nil {
				return 0, err
			}
			n++
			for i := range behind {
				behind[i] = n
			}
			if err := w.Unlock(); err != nil {
				return 0, err
			}
			for range n % 128 { // outside, so that both sides come to the open lock at once, now and then
				loadPlain(&n)
			}
		}
		return 0, nil
	}, func() (int, error) {
		for range batch {
			if err := r.RLock(ctx, patience); err != nil {
				return 0, err
			}
			first, torn := behind[0], false
			for range 2 {
				for i := range behind {
					torn = torn || behind[i] != first
				}
			}
			if err := r.RUnlock(); err != nil {
				return 0, err
			}
			if torn {
				return 0, errors.New("TORN: the writer was inside beside the reader")
			}
		}
		return batch, nil
	})
	t.Count("locks", rounds)
	var weak weakLock
	control(t, t.Part(0.3), weak.writes, weak.reads)
}
