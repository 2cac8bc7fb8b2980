//go:build linux

package shm

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

const watchdog = time.Minute

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// topic makes a topic with both ends; the consumer has read the first value.
func topic(t *testing.T, opts ...Option) (*Publisher[uint64], *Consumer[uint64], Option) {
	t.Helper()
	in := InDir(t.TempDir())
	p, err := Create("t", uint64(1), append(opts, in)...)
	must(t, err)
	c, err := Open[uint64]("t", in)
	must(t, err)
	_, err = c.Read()
	must(t, err)
	t.Cleanup(func() {
		_ = c.Close()
		_ = p.Close()
	})
	return p, c, in
}

// die is what the kernel does when a handle's process dies.
func die(s *segment) { s.close() }

// Whoever waits is woken by whoever ends that, also by the successor or the heir of one who
// died. Slices, which would hide a lost wake, are an hour long here.
func TestWakes(t *testing.T) {
	next := func(c *Consumer[uint64]) func() error {
		return func() error { _, err := c.Next(t.Context()); return err }
	}
	for name, f := range map[string]func(t *testing.T) (wait func() error, end func(), want error){
		"publication": func(t *testing.T) (func() error, func(), error) {
			p, c, _ := topic(t)
			return next(c), func() { must(t, p.Write(2)) }, nil
		},
		"publication on one of several topics": oneOfSeveral,
		"publication on one of several topics, without futex_waitv": func(t *testing.T) (func() error, func(), error) {
			WithoutWaitv(t)
			return oneOfSeveral(t)
		},
		"close": func(t *testing.T) (func() error, func(), error) {
			p, c, _ := topic(t)
			return next(c), func() { must(t, p.Close()) }, ErrClosed
		},
		"removal": func(t *testing.T) (func() error, func(), error) {
			_, c, in := topic(t)
			return next(c), func() { must(t, RemoveForced("t", in)) }, ErrReplaced
		},
		"takeover": func(t *testing.T) (func() error, func(), error) {
			p, c, in := topic(t)
			must(t, p.Close())
			return func() error { return c.WaitPublisher(t.Context()) }, func() { heir(t, in) }, nil
		},
		"takeover from one who died between store and wake": func(t *testing.T) (func() error, func(), error) {
			p, c, in := topic(t)
			return next(c), func() {
				p.ctl.notify.Word().Store(p.ctl.notify.Number() << 1) // the wait bit is gone
				die(p.seg)
				heir(t, in)
			}, nil
		},
		"unlock of a guard": func(t *testing.T) (func() error, func(), error) {
			p, c, _ := topic(t, Buffers(2))
			g, err := c.RLock()
			must(t, err)
			must(t, p.Write(2))
			return blocked(t, p), func() { must(t, g.Unlock()) }, nil
		},
		"end of a read under a pin": func(t *testing.T) (func() error, func(), error) {
			p, c, _ := topic(t, Buffers(2))
			_, l, err := c.acquire(t.Context(), -1)
			must(t, err)
			must(t, p.Write(2))
			return blocked(t, p), func() { must(t, c.release(l)) }, nil
		},
		"heir of a dead consumer's slot": func(t *testing.T) (func() error, func(), error) {
			p, c, in := topic(t, Buffers(2))
			_, err := c.RLock()
			must(t, err)
			must(t, p.Write(2))
			return blocked(t, p), func() { inherit(t, c, in) }, nil
		},
		"heir of a dead consumer's slot, 1 buffer": func(t *testing.T) (func() error, func(), error) {
			p, c, in := topic(t, Buffers(1))
			_, err := c.RLock()
			must(t, err)
			return blocked(t, p), func() { inherit(t, c, in) }, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			noSlices(t)
			dog := time.AfterFunc(watchdog, func() { panic("somebody was not woken") })
			defer dog.Stop()
			wait, end, want := f(t)
			result := make(chan error, 1)
			go func() { result <- wait() }()
			time.Sleep(20 * time.Millisecond) // it sleeps by then, most likely; else it looks after end
			end()
			wantErr(t, "the wait", <-result, want)
		})
	}
}

// oneOfSeveral waits on topics of which all but the second stay silent.
func oneOfSeveral(t *testing.T) (func() error, func(), error) {
	_, a, _ := topic(t)
	p, b, _ := topic(t)
	_, c, _ := topic(t)
	return func() error {
		i, err := WaitAny(t.Context(), a, b, c)
		if err == nil && i != 1 {
			return fmt.Errorf("news of topic %d, want 1", i)
		}
		return err
	}, func() { must(t, p.Write(2)) }, nil
}

func heir(t *testing.T, in Option) {
	p, err := Create("t", uint64(9), in)
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
}

func inherit(t *testing.T, dead *Consumer[uint64], in Option) {
	die(dead.seg)
	c, err := Open[uint64]("t", in)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
}

// blocked is a publication that has to wait.
func blocked(t *testing.T, p *Publisher[uint64]) func() error {
	return func() error {
		g, err := p.LoanContext(t.Context())
		if err == nil {
			err = g.Unlock()
		}
		return err
	}
}
