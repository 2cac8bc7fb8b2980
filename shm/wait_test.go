//go:build linux

package shm

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// shortly is a context that ends soon, for waits that nothing else ends.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// The last value comes before the end, for everybody who waits, and the end only once for those
// who iterate.
func TestLastValueThenEnd(t *testing.T) {
	p, c, _ := topic(t)
	must(t, p.Write(2))
	must(t, p.Close())
	i, err := WaitAny(t.Context(), c)
	check(t, "WaitAny", i, 0)
	must(t, err)
	must(t, c.Wait(t.Context()))
	var values []uint64
	var ends []error
	for u, err := range c.Updates(t.Context()) {
		if err == nil {
			values = append(values, u.Value)
		} else {
			check(t, "value beside the error", u.Value, 0)
			ends = append(ends, err)
		}
		if len(values)+len(ends) > 2 {
			break
		}
	}
	if len(values) != 1 || values[0] != 2 || len(ends) != 1 || !errors.Is(ends[0], ErrClosed) {
		t.Errorf("Updates: %v and then %v, want 2 and ErrClosed", values, ends)
	}
}

// Whoever leaves the loop over Updates has read what it saw and nothing more.
func TestUpdatesLeft(t *testing.T) {
	p, c, _ := topic(t)
	must(t, p.Write(2))
	for u, err := range c.Updates(t.Context()) {
		must(t, err)
		check(t, "value", u.Value, 2)
		must(t, p.Write(3))
		break
	}
	check(t, "HasChanged", c.HasChanged(), true)
}

// A wait for a publisher that lasts ends with a live one alone: not with one that closes, and
// not with one that died.
func TestWaitPublisher(t *testing.T) {
	for name, f := range map[string]struct {
		before func(*Publisher[uint64], Option)
		want   error
	}{
		"alive":   {func(*Publisher[uint64], Option) {}, nil},
		"closing": {func(p *Publisher[uint64], _ Option) { p.words.state.Store(stateClosed) }, context.DeadlineExceeded},
		"dead":    {func(p *Publisher[uint64], _ Option) { die(p.seg) }, context.DeadlineExceeded},
		"removed": {func(_ *Publisher[uint64], in Option) { must(t, RemoveForced("t", in)) }, ErrReplaced},
		"deserted": {func(p *Publisher[uint64], _ Option) {
			must(t, os.Remove(p.Path()))
			die(p.seg)
		}, ErrReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			p, c, in := topic(t)
			f.before(p, in)
			ctx := context.Context(shortly(t))
			if f.want != context.DeadlineExceeded {
				ctx = t.Context()
			}
			wantErr(t, "WaitPublisher", c.WaitPublisher(ctx), f.want)
		})
	}
}

// Who waits in vain for a publisher that died is told that, and nobody else is.
func TestGaveUp(t *testing.T) {
	p, c, _ := topic(t)
	_, err := c.NextTimeout(time.Millisecond)
	wantErr(t, "NextTimeout", err, ErrTimeout)
	if errors.Is(err, errNobody) {
		t.Errorf("NextTimeout with a live publisher: %v", err)
	}
	// A name is not what it takes to publish.
	must(t, os.Remove(p.Path()))
	_, err = c.NextTimeout(30 * time.Millisecond)
	wantErr(t, "NextTimeout without a name", err, ErrTimeout)
	must(t, p.Write(2))
	_, err = c.NextTimeout(watchdog)
	must(t, err)
}

func TestGaveUpOnTheDead(t *testing.T) {
	p, c, _ := topic(t)
	die(p.seg)
	_, err := c.NextTimeout(time.Millisecond)
	wantErr(t, "NextTimeout", err, ErrTimeout)
	wantErr(t, "NextTimeout with a dead publisher", err, errNobody)
}

// Nobody wakes a consumer without a slot, nor one whose topic becomes deserted: they look again.
func TestNobodyWakes(t *testing.T) {
	readOnly := func(t *testing.T) (*Publisher[uint64], *Consumer[uint64], Option) {
		p, _, in := topic(t)
		c, err := Open[uint64]("t", in, ReadOnly())
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = c.Read()
		must(t, err)
		return p, c, in
	}
	desert := func(p *Publisher[uint64]) {
		must(t, os.Remove(p.Path()))
		die(p.seg)
	}
	other := func(t *testing.T) *Consumer[uint64] { _, c, _ := topic(t); return c }
	each := func(vector bool, c ...*consumer) func(*testing.T) error {
		return func(t *testing.T) error {
			if !vector {
				WithoutWaitv(t)
			}
			i, err := waitAny(t.Context(), c)
			check(t, "index", i, len(c)-1)
			return err
		}
	}
	for name, f := range map[string]func(t *testing.T) (wait func(*testing.T) error, end func(), want error){
		"read-only: publication": func(t *testing.T) (func(*testing.T) error, func(), error) {
			noSlices(t)
			p, c, _ := readOnly(t)
			return func(t *testing.T) error { return c.Wait(t.Context()) }, func() { must(t, p.Write(2)) }, nil
		},
		"read-only: takeover": func(t *testing.T) (func(*testing.T) error, func(), error) {
			noSlices(t)
			p, c, in := readOnly(t)
			must(t, p.Close())
			return func(t *testing.T) error { return c.WaitPublisher(t.Context()) }, func() { heir(t, in) }, nil
		},
		"read-only: WaitAny": func(t *testing.T) (func(*testing.T) error, func(), error) {
			noSlices(t)
			p, c, _ := readOnly(t)
			return each(true, &other(t).consumer, &c.consumer), func() { must(t, p.Write(2)) }, nil
		},
		"deserted": func(t *testing.T) (func(*testing.T) error, func(), error) {
			p, c, _ := topic(t)
			return func(t *testing.T) error { return c.Wait(t.Context()) }, func() { desert(p) }, ErrReplaced
		},
		"deserted: WaitAny": func(t *testing.T) (func(*testing.T) error, func(), error) {
			p, c, _ := topic(t)
			return each(true, &other(t).consumer, &c.consumer), func() { desert(p) }, ErrReplaced
		},
		"deserted: WaitAny without futex_waitv": func(t *testing.T) (func(*testing.T) error, func(), error) {
			p, c, _ := topic(t)
			return each(false, &other(t).consumer, &c.consumer), func() { desert(p) }, ErrReplaced
		},
	} {
		t.Run(name, func(t *testing.T) {
			wait, end, want := f(t)
			dog := time.AfterFunc(watchdog, func() { panic("it does not look again") })
			defer dog.Stop()
			ended := make(chan struct{})
			time.AfterFunc(20*time.Millisecond, func() { defer close(ended); end() })
			wantErr(t, "the wait", wait(t), want)
			<-ended
		})
	}
}

// The error of WaitAny says which topic it is about, and which consumer.
func TestWaitAnyErrors(t *testing.T) {
	_, err := WaitAny(t.Context())
	wantErr(t, "WaitAny of none", err, errNoConsumers)
	_, first, _ := topic(t)
	p, c, _ := topic(t)
	must(t, p.Close())
	for _, way := range []func(testing.TB){func(testing.TB) {}, WithoutWaitv} {
		way(t)
		i, err := waitAny(t.Context(), []*consumer{&first.consumer, &c.consumer})
		check(t, "index", i, 1)
		wantErr(t, "WaitAny", err, ErrClosed)
		i, err = waitAny(shortly(t), []*consumer{&first.consumer})
		check(t, "index", i, -1)
		wantErr(t, "WaitAny", err, context.DeadlineExceeded)
	}
	_, err = WaitAny(t.Context(), c)
	if op := new(OpError); !errors.As(err, &op) || op.Topic != "t" {
		t.Errorf("WaitAny: %v, want an error that names the topic", err)
	}
}
