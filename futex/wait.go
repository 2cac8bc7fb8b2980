package futex

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// ErrTimeout is returned when the time a caller was ready to wait is over. It
// matches [os.ErrDeadlineExceeded] and [context.DeadlineExceeded] too.
var ErrTimeout error = timeoutError{}

type timeoutError struct{}

func (timeoutError) Error() string { return "gave up waiting: timeout" }
func (timeoutError) Timeout() bool { return true }
func (timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// Wait sleeps until a [Wake] on addr, a signal, or until d is over (d < 0: no
// limit), unless *addr differs from val to begin with. It returns [ErrTimeout]
// when d is over and nil otherwise, also for no reason at all: look at the
// condition again. Read permission on the page is enough. It matches
// errors.ErrUnsupported where there are no futexes.
func Wait(addr *atomic.Uint32, val uint32, d time.Duration) error {
	return sysWait(addr, val, d)
}

// Wake wakes up to n sleepers on addr, in all processes, and returns how many
// it woke. It never blocks.
func Wake(addr *atomic.Uint32, n int) int { return sysWake(addr, n) }

// All, as the second argument of [Wake], wakes every sleeper.
const All = 1<<31 - 1

// Sleeps are cut into slices, because a peer can die between its store and its
// wake: whoever waits looks again by itself. They grow, so that an idle waiter
// costs six wake-ups a second while a death is noticed within 10 ms of the
// first wait. They are variables for the tests alone: with slices of an hour a lost wake
// is a test that hangs.
var (
	firstSlice = 10 * time.Millisecond
	lastSlice  = 160 * time.Millisecond
)

// A Limit bounds one blocking call by a context and a duration, and cuts its
// sleep into slices. Make one with [Within], call [Limit.Wait] in the loop that
// checks the condition, and [Limit.Stop] at the end. It is for one goroutine.
//
// It allocates only when a call sleeps beyond its first slice (10 ms) under a
// context that can be cancelled.
type Limit struct {
	ctx   context.Context
	end   time.Time // zero: no limit
	slice time.Duration
	alarm *alarm
}

// Within returns the limit of a call that starts now: it may sleep until ctx is
// done or d is over. With d < 0 only ctx counts; with d == 0 the first Wait
// returns [ErrTimeout].
func Within(ctx context.Context, d time.Duration) Limit {
	l := Limit{ctx: ctx, slice: firstSlice}
	if d >= 0 {
		l.end = time.Now().Add(d)
	}
	return l
}

// Wait sleeps while *addr == val for at most one slice. It returns nil when the
// caller is to look again (woken, slice over, no reason), [ErrTimeout] when the
// limit's time is over, and the context's error when that is done.
func (l *Limit) Wait(addr *atomic.Uint32, val uint32) error {
	return l.Slice(addr, func(d time.Duration) error { return Wait(addr, val, d) })
}

// Slice calls sleep with the length of the next slice, under the limit: what
// [Limit.Wait] does, for a caller with another way to sleep. A wake on addr must
// end that sleep.
func (l *Limit) Slice(addr *atomic.Uint32, sleep func(time.Duration) error) error {
	d, err := l.next(addr)
	if err != nil {
		return err
	}
	if err := sleep(d); err != nil && !errors.Is(err, ErrTimeout) {
		return err
	}
	return nil // the caller looks again, and the next slice finds what is over by now
}

// Cap makes slices no longer than d from now on, for a caller whom nobody wakes.
func (l *Limit) Cap(d time.Duration) { l.slice = min(l.slice, d) }

// next returns the length of the next slice, or why there is none.
func (l *Limit) next(addr *atomic.Uint32) (time.Duration, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	d := l.slice
	if d > firstSlice && l.ctx.Done() != nil {
		l.arm(addr)
	}
	if d >= firstSlice {
		l.slice = min(4*d, lastSlice)
	}
	if l.end.IsZero() {
		return d, nil
	}
	left := time.Until(l.end)
	if left <= 0 {
		return 0, ErrTimeout
	}
	return min(d, left), nil
}

// Stop releases what the limit holds. No goroutine of it runs any more when it
// returns.
func (l *Limit) Stop() {
	if l.alarm != nil {
		l.alarm.silence()
		l.alarm = nil
	}
}

func (l *Limit) arm(addr *atomic.Uint32) {
	if l.alarm == nil {
		l.alarm = &alarm{quiet: make(chan struct{}), over: make(chan struct{})}
		l.alarm.addr.Store(addr)
		l.alarm.stop = context.AfterFunc(l.ctx, l.alarm.ring)
		return
	}
	l.alarm.addr.Store(addr)
}

// An alarm wakes a sleeper when its context is done.
type alarm struct {
	addr  atomic.Pointer[atomic.Uint32]
	stop  func() bool
	quiet chan struct{} // closed by the sleeper: it is awake
	over  chan struct{} // closed by ring at its end
}

// ring wakes again and again until the sleeper answers, since a single wake is
// lost when it comes just before the sleeper enters the kernel. The sleepers of
// other processes on the same word wake for nothing, which they must bear.
func (a *alarm) ring() {
	defer close(a.over)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		Wake(a.addr.Load(), All)
		select {
		case <-a.quiet:
			return
		case <-tick.C:
		}
	}
}

func (a *alarm) silence() {
	if a.stop() {
		return // never rang
	}
	close(a.quiet)
	<-a.over
}
