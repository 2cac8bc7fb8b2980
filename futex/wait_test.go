//go:build linux

package futex_test

import (
	"context"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/futex"
)

// An idle waiter looks by itself a few times a second, and sleeps in between.
func TestFewSlices(t *testing.T) {
	var w atomic.Uint32
	limit := futex.Within(t.Context(), 600*time.Millisecond)
	slices, err := 0, error(nil)
	for ; err == nil; slices++ {
		err = limit.Wait(&w, 0)
	}
	wantErr(t, "Wait", err, futex.ErrTimeout)
	if slices > 8 { // 10, 40, 160, 160, 160, what is left, and the one that finds it over
		t.Errorf("%d slices in 600 ms", slices)
	}
}

// A slice that was capped stays so.
func TestCap(t *testing.T) {
	var w atomic.Uint32
	limit := futex.Within(t.Context(), -1)
	limit.Cap(time.Millisecond)
	for range 5 {
		must(t, limit.Slice(&w, func(d time.Duration) error {
			if d != time.Millisecond {
				t.Errorf("a slice of %v", d)
			}
			return nil
		}))
	}
}

// A sleep of any length ends with its deadline and with its context: the first slice does
// when the context was done before, a later one because somebody wakes the sleeper.
func TestLimitsOfLongSlices(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	watchdog(ended)
	var w, v atomic.Uint32

	futex.Slices(t, time.Hour, time.Hour)
	limit := futex.Within(t.Context(), 10*time.Millisecond)
	must(t, limit.Wait(&w, 0))
	wantErr(t, "Wait when the time is over", limit.Wait(&w, 0), futex.ErrTimeout)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	limit = futex.Within(ctx, -1)
	wantErr(t, "Wait with a context that is done", limit.Wait(&w, 0), context.Canceled)

	futex.Slices(t, time.Millisecond, time.Hour)
	for name, sleep := range map[string]func(time.Duration) error{
		"asleep": func(d time.Duration) error {
			time.AfterFunc(5*time.Millisecond, cancel)
			return futex.Wait(&w, 0, d)
		},
		"about to sleep": func(d time.Duration) error {
			cancel()
			time.Sleep(5 * time.Millisecond) // and the first wake is lost
			return futex.Wait(&w, 0, d)
		},
	} {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		cancel = stop
		limit := futex.Within(ctx, -1)
		for long := false; !long; { // so far it slept on another word
			must(t, limit.Slice(&v, func(d time.Duration) error { long = d == time.Hour; return nil }))
		}
		must(t, limit.Slice(&w, sleep))
		wantErr(t, "Wait cancelled while "+name, limit.Wait(&w, 0), context.Canceled)
		limit.Stop()
	}
}

// A signal ends a sleep early, which is not an error.
func TestSignalled(t *testing.T) {
	var w atomic.Uint32
	tid, result := make(chan int), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		tid <- unix.Gettid()
		result <- futex.Wait(&w, 0, patience)
	}()
	for id, start := <-tid, time.Now(); ; time.Sleep(time.Millisecond) {
		must(t, unix.Tgkill(os.Getpid(), id, unix.SIGURG))
		select {
		case err := <-result:
			must(t, err)
			return
		default:
		}
		if time.Since(start) > patience {
			t.Fatal("the signal does not end the sleep")
		}
	}
}

// RingAll is for whoever is not the owner: it wakes those who sleep, bit or no bit.
func TestRingAllWakes(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	watchdog(ended)
	var bell futex.Event
	for _, value := range []func() uint32{bell.Arm, bell.Peek} {
		armed := value()
		woken := async(func() error { return futex.Wait(bell.Word(), armed, -1) })
		asleep()
		number := bell.Number()
		bell.RingAll()
		must(t, <-woken)
		if n := bell.Number(); n != number+1 {
			t.Errorf("ring %d after ring %d: every ring has a number of its own", n, number)
		}
	}
}
