package shm

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/futex"
)

// lookSlice is how long a consumer sleeps that may not ask for a wake.
const lookSlice = 2 * time.Millisecond

// await sleeps until there is a value that was not read, or nothing to hope for:
// the topic is closed or replaced. A publisher that died is waited for.
func (c *consumer) await(ctx context.Context, d time.Duration) error {
	if done, err := c.news(); done {
		return err
	}
	limit := futex.Within(ctx, d)
	defer limit.Stop()
	if c.slot == nil {
		limit.Cap(lookSlice)
	}
	for {
		armed := c.arm()
		// The second look: pairs with the swap or CAS of notify that follows each
		// store of latest, state or retired.
		if done, err := c.news(); done {
			return err
		}
		if err := c.seg.ctl.notify.Sleep(&limit, armed); err != nil {
			return c.gaveUp(err)
		}
		if done, err := c.news(); done {
			return err
		}
		if c.deserted() {
			return ErrReplaced
		}
	}
}

// arm asks for a wake and returns the value to sleep on.
func (c *consumer) arm() uint32 {
	if c.slot == nil {
		return c.seg.ctl.notify.Peek()
	}
	return c.seg.ctl.notify.Arm()
}

// news reports whether waiting is over, and whether that is an error.
func (c *consumer) news() (bool, error) {
	if err := c.usable(); err != nil {
		return true, err
	}
	// In this order: the last value may come, and the end, between two loads.
	closed := c.words.state.Load() == stateClosed
	if c.HasChanged() {
		return true, nil
	}
	if closed {
		return true, ErrClosed
	}
	return false, nil
}

// deserted reports whether nobody can ever publish here: the publisher is gone and
// so is the name under which a successor would look, or there never was one (a memfd).
// Nobody wakes us to say so.
func (c *consumer) deserted() bool {
	return (c.seg.memfd || c.seg.unlinked()) && !c.seg.publisherAlive()
}

// gaveUp adds what a caller wants to know of a topic that stays silent.
func (c *consumer) gaveUp(err error) error {
	if !c.seg.publisherAlive() {
		return errors.Join(err, errNobody)
	}
	return err
}

var errNobody = errors.New("its publisher has died and none has taken over")

// Wait sleeps until there is a value that this handle has not read, as
// [Consumer.Next] does, and reads nothing.
func (c *consumer) Wait(ctx context.Context) error { return c.fail("wait for", c.await(ctx, -1)) }

// updates is the iterator that calls next until that fails.
func updates[V any](ctx context.Context, next func(context.Context) (Update[V], error)) iter.Seq2[Update[V], error] {
	return func(yield func(Update[V], error) bool) {
		for {
			u, err := next(ctx)
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// waitPublisher sleeps until a live publisher has the topic.
func (c *consumer) waitPublisher(ctx context.Context) error {
	limit := futex.Within(ctx, -1)
	defer limit.Stop()
	for {
		armed := c.arm()
		if err := c.usable(); err != nil {
			return err
		}
		if c.words.state.Load() == stateOpen && c.seg.publisherAlive() {
			return nil
		}
		if c.deserted() {
			return ErrReplaced
		}
		// A takeover rings after its store of state, and wakes those as well that could not ask.
		if err := c.seg.ctl.notify.Sleep(&limit, armed); err != nil {
			return err
		}
	}
}

// WaitPublisher sleeps until the topic has a live publisher: the way to sit out the
// time between a publisher that closed or died and its successor. It returns
// [ErrReplaced] when the topic will have none, and the context's error.
func (c *consumer) WaitPublisher(ctx context.Context) error {
	return c.fail("wait for", c.waitPublisher(ctx))
}

// A Waitable is a consumer of any kind of topic.
type Waitable interface{ waitable() *consumer }

func (c *consumer) waitable() *consumer { return c }

// WaitAny sleeps until one of the consumers has a value that it has not read, and
// returns its index: the loop of a program that lives on several topics. Others may
// have news as well; ask [Consumer.HasChanged]. It returns at once if one has news
// already.
//
// When a topic is closed or replaced it returns that consumer's index with the
// error, so leave it out of the next call. On the context's error the index is -1.
// The consumers belong to the caller's goroutine, for the length of the call to
// WaitAny.
//
// It sleeps on all topics at once with futex_waitv (Linux 5.16, up to 128 topics).
// Elsewhere a goroutine sleeps on each; they are gone when it returns.
func WaitAny(ctx context.Context, consumers ...Waitable) (int, error) {
	cs := make([]*consumer, len(consumers))
	for i, w := range consumers {
		cs[i] = w.waitable()
	}
	i, err := waitAny(ctx, cs)
	if i >= 0 {
		err = cs[i].fail("wait for", err)
	}
	return i, err
}

func waitAny(ctx context.Context, cs []*consumer) (int, error) {
	if i, err := anyNews(cs); i >= 0 {
		return i, err
	}
	if len(cs) == 0 {
		return -1, errNoConsumers
	}
	limit := futex.Within(ctx, -1)
	defer limit.Stop()
	words := make([]*atomic.Uint32, len(cs))
	vals := make([]uint32, len(cs))
	for i, c := range cs {
		words[i] = c.seg.ctl.notify.Word()
		if c.slot == nil {
			limit.Cap(lookSlice)
		}
	}
	for {
		for i, c := range cs {
			vals[i] = c.arm()
		}
		if i, err := anyNews(cs); i >= 0 {
			return i, err
		}
		if err := limit.Slice(words[0], func(d time.Duration) error { return sleepAny(words, vals, d) }); err != nil {
			return -1, err
		}
		for i, c := range cs {
			if c.deserted() {
				return i, ErrReplaced
			}
		}
	}
}

var errNoConsumers = errors.New("tism: WaitAny without consumers")

func anyNews(cs []*consumer) (int, error) {
	for i, c := range cs {
		if done, err := c.news(); done {
			return i, err
		}
	}
	return -1, nil
}

// maxWaitv is FUTEX_WAITV_MAX of linux/futex.h.
const maxWaitv = 128

// sleepAny sleeps until one of the words is woken or is not its value, at most d. A wake
// for no reason returns nil.
func sleepAny(words []*atomic.Uint32, vals []uint32, d time.Duration) error {
	if haveWaitv() && len(words) <= maxWaitv {
		return waitv(words, vals, d)
	}
	return waitEach(words, vals, d)
}

// waitEach is sleepAny with a goroutine for each word; the first that wakes has the others
// woken. Their wakes reach other sleepers on the same words too, who must bear it.
func waitEach(words []*atomic.Uint32, vals []uint32, d time.Duration) error {
	var over atomic.Bool
	type result struct {
		i   int
		err error
	}
	results := make(chan result, len(words))
	for i, word := range words {
		go func() {
			var err error
			if !over.Load() {
				err = futex.Wait(word, vals[i], d)
			}
			results <- result{i, err}
		}()
	}
	first := <-results
	over.Store(true)
	awake := make([]bool, len(words))
	awake[first.i] = true
	// Again and again: a wake is lost on a sleeper that is just about to enter the kernel.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 1; n < len(words); {
		for i, word := range words {
			if !awake[i] {
				futex.Wake(word, futex.All)
			}
		}
		for next := false; !next && n < len(words); {
			select {
			case r := <-results:
				awake[r.i] = true
				n++
			case <-tick.C:
				next = true
			}
		}
	}
	return first.err
}
