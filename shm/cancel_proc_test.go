//go:build linux

package shm_test

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// A blockade is a call that blocks, and what ends it.
type blockade struct {
	call func(context.Context) error
	lift func()
}

// blockades are all the calls that block.
var blockades = map[string]func(*testing.T) blockade{
	"Next": func(t *testing.T) blockade {
		p, c := readTopic(t)
		return blockade{
			func(ctx context.Context) error { _, err := c.Next(ctx); return err },
			func() { must(t, writeNext(p)) },
		}
	},
	"Next/read-only": func(t *testing.T) blockade {
		p, c := readTopic(t, shm.ReadOnly())
		return blockade{
			func(ctx context.Context) error { _, err := c.Next(ctx); return err },
			func() { must(t, writeNext(p)) },
		}
	},
	"Wait":           func(t *testing.T) blockade { return waitAny(t, 0) },
	"WaitAny":        func(t *testing.T) blockade { return waitAny(t, 3) },
	"WaitAny/each":   func(t *testing.T) blockade { shm.WithoutWaitv(t); return waitAny(t, 3) },
	"WaitAny/beyond": func(t *testing.T) blockade { return waitAny(t, 129) }, // more than futex_waitv takes
	"WaitOpen":       func(t *testing.T) blockade { return waitOpen(t, t.TempDir()) },
	"WaitOpen/closed": func(t *testing.T) blockade {
		dir := t.TempDir()
		must(t, create(t, dir, *stamped[[8]uint64](1)).Close())
		return waitOpen(t, dir)
	},
	"WaitPublisher": func(t *testing.T) blockade {
		dir := t.TempDir()
		p := create(t, dir, *stamped[[8]uint64](1))
		c := open[[8]uint64](t, dir)
		must(t, p.Close())
		return blockade{c.WaitPublisher, func() { create(t, dir, *stamped[[8]uint64](2)) }}
	},
	"LockContext":  func(t *testing.T) blockade { return writeGuard(t, 1, (*shm.Publisher[[8]uint64]).LockContext) },
	"LoanContext":  func(t *testing.T) blockade { return writeGuard(t, 1, (*shm.Publisher[[8]uint64]).LoanContext) },
	"LoanContext2": func(t *testing.T) blockade { return writeGuard(t, 2, (*shm.Publisher[[8]uint64]).LoanContext) },
	"RLockContext": func(t *testing.T) blockade {
		p, c := readTopic(t, shm.Buffers(1))
		w, err := p.Lock()
		must(t, err)
		return blockade{
			func(ctx context.Context) error {
				g, err := c.RLockContext(ctx)
				if err == nil {
					err = g.Unlock()
				}
				return err
			},
			func() { must(t, w.Unlock()) },
		}
	},
	"ReceiveFile": func(t *testing.T) blockade {
		near, far := socketPair(t)
		p, err := shm.CreateMem("mem", *stamped[[8]uint64](1))
		must(t, err)
		t.Cleanup(func() { must(t, p.Close()) })
		return blockade{
			func(ctx context.Context) error {
				f, err := shm.ReceiveFile(ctx, near)
				if err == nil {
					err = f.Close()
				}
				return err
			},
			func() {
				f, err := p.File()
				must(t, err)
				must(t, shm.SendFile(far, f))
				must(t, f.Close())
			},
		}
	},
}

// readTopic returns both ends of a topic whose value is read.
func readTopic(t *testing.T, opts ...shm.Option) (*shm.Publisher[[8]uint64], *shm.Consumer[[8]uint64]) {
	t.Helper()
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), opts...)
	c := open[[8]uint64](t, dir, opts...)
	_, err := c.Read()
	must(t, err)
	return p, c
}

func waitOpen(t *testing.T, dir string) blockade {
	return blockade{
		func(ctx context.Context) error {
			c, err := shm.WaitOpen[[8]uint64](ctx, "topic", shm.InDir(dir))
			if err == nil {
				err = c.Close()
			}
			return err
		},
		func() { create(t, dir, *stamped[[8]uint64](1)) },
	}
}

// waitAny waits on n consumers of a topic, or for 0 with the Wait of one.
func waitAny(t *testing.T, n int) blockade {
	t.Helper()
	p, c := readTopic(t, shm.Slots(200))
	all := []shm.Waitable{c}
	for len(all) < n {
		clone, err := c.Clone()
		must(t, err)
		t.Cleanup(func() { must(t, clone.Close()) })
		all = append(all, clone)
	}
	wait := c.Wait
	if n > 0 {
		wait = func(ctx context.Context) error { _, err := shm.WaitAny(ctx, all...); return err }
	}
	return blockade{wait, func() { must(t, writeNext(p)) }}
}

// writeGuard takes a write guard that a consumer is in the way of.
func writeGuard(t *testing.T, buffers int, take func(*shm.Publisher[[8]uint64], context.Context) (shm.WriteGuard[[8]uint64], error)) blockade {
	t.Helper()
	p, c := readTopic(t, shm.Buffers(buffers))
	g, err := c.RLock()
	must(t, err)
	for range buffers - 1 {
		must(t, writeNext(p))
	}
	return blockade{
		func(ctx context.Context) error {
			w, err := take(p, ctx)
			if err == nil {
				err = w.Unlock()
			}
			return err
		},
		func() { must(t, g.Unlock()) },
	}
}

func socketPair(t *testing.T) (near, far *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(t, err)
	conns := make([]*net.UnixConn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		conn, err := net.FileConn(f)
		must(t, err)
		must(t, f.Close())
		conns[i] = conn.(*net.UnixConn)
		t.Cleanup(func() { must(t, conn.Close()) })
	}
	return conns[0], conns[1]
}

// Whatever blocks returns within 100 ms when its context is cancelled, leaves no goroutine
// behind, and works as before once nothing is in its way.
func TestCancel(t *testing.T) {
	for name, set := range blockades {
		t.Run(name, func(t *testing.T) { testCancel(t, set(t)) })
	}
}

// promptly is how soon a call has to notice its cancellation. A busy machine can keep a process
// waiting for longer, but not at each of many tries: one that is prompt will do.
const (
	promptly    = 100 * time.Millisecond
	promptTries = 20
)

func testCancel(t *testing.T, b blockade) {
	goroutines := runtime.NumGoroutine()
	// Before it sleeps, in its first sleep, in later and longer ones: 60 ms are soon after the
	// begin of the third, of 160 ms.
	for _, after := range []time.Duration{0, 1, 15, 30, 60, 120} {
		after *= time.Millisecond
		took := cancelled(t, b, after)
		for try := 1; took > promptly; try++ {
			if try == promptTries {
				t.Fatalf("cancelled after %v it never returned within %v, but after %v at best", after, promptly, took)
			}
			took = min(took, cancelled(t, b, after))
		}
	}
	eventually(t, "its goroutines are gone", func() bool { return runtime.NumGoroutine() <= goroutines })

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan error)
	go func() { done <- b.call(ctx) }()
	time.Sleep(20 * time.Millisecond) // by now it sleeps, most likely
	b.lift()
	must(t, <-done)

	cancel()
	err := b.call(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is cancelled before: %v", err)
	}
}

// cancelled cancels the call after a while and returns how long that takes.
func cancelled(t *testing.T, b blockade, after time.Duration) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		err error
		at  time.Time // in its own goroutine: how soon this one runs does not count
	}
	done := make(chan result, 1)
	go func() {
		err := b.call(ctx)
		done <- result{err, time.Now()}
	}()
	time.Sleep(after)
	select {
	case r := <-done:
		t.Fatalf("it does not block: %v", r.err)
	default:
	}
	start := time.Now()
	cancel()
	select {
	case r := <-done:
		if !errors.Is(r.err, context.Canceled) {
			t.Fatalf("after the cancellation: %v", r.err)
		}
		return r.at.Sub(start)
	case <-time.After(patience):
		t.Fatal("it ignores its cancellation")
	}
	return 0
}
