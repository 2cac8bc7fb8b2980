//go:build linux

package shm_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

func init() { helpers["answerer"] = answer }

// answer publishes the number of each value that it gets on a topic of its own. Args: the
// directories of the topic and of its own.
func answer(a *actor) {
	p := create(a, a.args[1], uint64(0))
	c := open[[8]uint64](a, a.args[0])
	a.say("ready")
	for number := uint64(1); ; number++ {
		u, err := c.Next(a.Context())
		if reason(err) == "closed" {
			return
		}
		must(a, err)
		if u.Number != number || u.Missed != 0 || !whole(&u.Value, number) {
			a.Fatalf("value %d, %d missed, want value %d", u.Number, u.Missed, number)
		}
		must(a, p.Write(number))
	}
}

// A publisher and its consumers in lockstep: each value is awaited by all of them, and each
// answer by the publisher. A wake-up that gets lost costs a slice of a sleep; the tests
// fails if that is the rule.
func TestNoLostWakes(t *testing.T) {
	t.Run("Next", func(t *testing.T) {
		testLockstep(t, func(ctx context.Context, answers []*shm.Consumer[uint64], number uint64) error {
			for _, c := range answers {
				if u, err := c.Next(ctx); err != nil || u.Value != number {
					return fmt.Errorf("answer %d to value %d: %w", u.Value, number, err)
				}
			}
			return nil
		})
	})
	anyOf := func(t *testing.T) {
		testLockstep(t, func(ctx context.Context, answers []*shm.Consumer[uint64], number uint64) error {
			waiting := make([]shm.Waitable, len(answers))
			for i, c := range answers {
				waiting[i] = c
			}
			for range answers {
				i, err := shm.WaitAny(ctx, waiting...)
				if err != nil {
					return err
				}
				if v, err := waiting[i].(*shm.Consumer[uint64]).Read(); err != nil || v != number {
					return fmt.Errorf("answer %d to value %d: %w", v, number, err)
				}
				waiting = slices.Delete(waiting, i, i+1)
			}
			return nil
		})
	}
	t.Run("WaitAny", anyOf)
	t.Run("WaitAny/each", func(t *testing.T) { shm.WithoutWaitv(t); anyOf(t) })
}

func testLockstep(t *testing.T, await func(context.Context, []*shm.Consumer[uint64], uint64) error) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := t.TempDir()
	p, err := shm.CreateBytes("topic", 64, nil, shm.InDir(dir), shm.Timeout(patience))
	must(t, err)
	var answers []*shm.Consumer[uint64]
	var children []*child
	for range 3 {
		own := t.TempDir()
		c := spawn(t, "answerer", dir, own)
		c.expect("ready")
		children = append(children, c)
		a := open[uint64](t, own)
		_, err := a.Read()
		must(t, err)
		answers = append(answers, a)
	}
	rounds := make([]time.Duration, times(2000))
	for i := range rounds {
		start := time.Now()
		v := stamped[[8]uint64](uint64(i + 1))
		must(t, p.Write(raw(v)))
		must(t, await(ctx, answers, uint64(i+1)))
		rounds[i] = time.Since(start)
	}
	must(t, p.Close())
	for _, c := range children {
		c.finish()
	}
	wantWoken(t, rounds)
}

// firstSlice is how long a sleeper sleeps at first before it looks by itself (package futex).
const firstSlice = 10 * time.Millisecond

// wantWoken tells from the time that each round took whether sleepers are woken. It looks at
// the median alone, which says so on a busy machine too.
func wantWoken(t *testing.T, rounds []time.Duration) {
	t.Helper()
	slices.Sort(rounds)
	median, late := rounds[len(rounds)/2], 0
	for _, d := range rounds {
		if d >= firstSlice {
			late++
		}
	}
	t.Logf("median %v, worst %v; %d of %d rounds took a slice or more", median, rounds[len(rounds)-1], late, len(rounds))
	if median >= firstSlice {
		t.Errorf("the median round takes %v: sleepers are not woken but look by themselves after a slice", median)
	}
}

func init() {
	helpers["brief holder"] = holdBriefly
	helpers["locker"] = lockOnDemand
}

// A short while, in which the other side falls asleep, most likely.
const shortly = 300 * time.Microsecond

// holdBriefly takes a guard on each value, says so on a topic of its own, and shortly after
// that gives it back. Args: the directories of the topic and of its own.
func holdBriefly(a *actor) {
	p := create(a, a.args[1], uint64(0))
	c := open[[8]uint64](a, a.args[0], shm.Timeout(patience))
	for {
		g, err := c.RLock()
		must(a, err)
		must(a, p.Write(g.Info().Number))
		time.Sleep(shortly)
		must(a, g.Unlock())
		err = c.Wait(a.Context())
		if reason(err) == "closed" {
			return
		}
		must(a, err)
	}
}

// A publisher that waits for a guard is woken when that is given back.
func TestReleaseWakesPublisher(t *testing.T) {
	for _, buffers := range []int{1, 2} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) {
			dir, own := t.TempDir(), t.TempDir()
			p := create(t, dir, *stamped[[8]uint64](1), shm.Buffers(buffers), shm.Timeout(patience))
			holder := spawn(t, "brief holder", dir, own)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			holds, err := shm.WaitOpen[uint64](ctx, "topic", shm.InDir(own))
			must(t, err)
			rounds := make([]time.Duration, times(300))
			for i := range rounds {
				for holds.HasChanged() || holds.Info().Number == 0 {
					_, err := holds.Next(ctx)
					must(t, err)
				}
				start := time.Now()
				for range buffers { // the last one needs the buffer that is held
					must(t, writeNext(p))
				}
				rounds[i] = time.Since(start)
				_, err := holds.Next(ctx)
				must(t, err)
			}
			must(t, holds.Close())
			must(t, p.Close())
			holder.finish()
			wantWoken(t, rounds)
		})
	}
}

// lockOnDemand takes a guard for each line of the parent's, and says how long that took. Args:
// directory.
func lockOnDemand(a *actor) {
	c := open[[8]uint64](a, a.args[0], shm.Timeout(patience))
	for {
		a.hear()
		start := time.Now()
		g, err := c.RLock()
		must(a, err)
		a.say("%d", time.Since(start))
		must(a, g.Unlock())
	}
}

// A consumer that waits for the lock of a topic with one buffer is woken when it is free.
func TestUnlockWakesConsumer(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), shm.Buffers(1), shm.Timeout(patience))
	locker := spawn(t, "locker", dir)
	rounds := make([]time.Duration, times(300))
	for i := range rounds {
		g, err := p.Loan()
		must(t, err)
		locker.send("lock")
		time.Sleep(shortly)
		stamp(g.Value(), uint64(i+2))
		must(t, g.Unlock())
		var took time.Duration
		locker.hearf("%d", &took)
		rounds[i] = took
	}
	locker.finish()
	wantWoken(t, rounds)
}
