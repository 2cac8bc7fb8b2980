package demo

import (
	"context"
	"errors"
	"sync"

	"github.com/tism-go/tism/shm"
)

// A message can tell whether it is whole, and which one it is.
type message interface {
	Board | Estimate
	whole() bool
	sequence() uint64
}

// A feed follows one topic and remembers what it saw.
type feed[T message] struct {
	sub     *shm.Consumer[T]
	started shm.Time
	each    func(T) // called with every value, may be nil

	mu      sync.Mutex // guards what is below: the picture is drawn meanwhile
	report  FeedReport
	latency histogram
	pid     int
	last    uint64 // number of the newest value
	first   shm.Time
	receipt shm.Time // of the newest value
	newest  T
	err     error
}

// follow reads every value that it can, on one handle that it never opens again.
func (f *feed[T]) follow(ctx context.Context) {
	f.started = shm.Now()
	for u, err := range f.sub.Updates(ctx) {
		if err != nil {
			f.fail(err)
			return
		}
		pid, _ := f.sub.Publisher()
		f.note(u, shm.Now(), pid)
	}
}

func (f *feed[T]) fail(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.report.Failed = err, 1
}

func (f *feed[T]) note(u shm.Update[T], now shm.Time, pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := &f.report
	r.Received++
	r.Missed += u.Missed
	if !u.Value.whole() {
		r.Torn++
	}
	if u.Number <= f.last || u.Value.sequence() != u.Number {
		r.Disordered++
	}
	f.noteTimes(u.Info, now, pid)
	f.last, f.receipt, f.pid, f.newest = u.Number, now, pid, u.Value
	if f.each != nil {
		f.each(u.Value)
	}
}

func (f *feed[T]) noteTimes(u shm.Info, now shm.Time, pid int) {
	r := &f.report
	if u.Published > f.started { // what was there before us says nothing of us
		f.latency.add(now.Sub(u.Published))
	}
	if f.receipt == 0 {
		f.first = now
		return
	}
	gap := int64(now.Sub(f.receipt))
	r.LongestGap = max(r.LongestGap, gap)
	r.Span = int64(now.Sub(f.first))
	if pid != f.pid {
		r.Takeovers++
		r.TakenOver = u.Number
		r.Outage = gap
	}
}

// A snapshot is a feed at one time.
type snapshot[T message] struct {
	FeedReport
	newest T
	err    error
}

func (f *feed[T]) snapshot() snapshot[T] {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := snapshot[T]{f.report, f.newest, f.err}
	s.P50, s.P99, s.Max = int64(f.latency.quantile(0.5)), int64(f.latency.quantile(0.99)), int64(f.latency.max)
	return s
}
