package demo

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/shm"
)

// estimator publishes an estimate for each board. It keeps no state but the newest
// estimate, so one that starts after another was killed goes on where that one was.
//
// When a line comes from in, it stops in the middle of the next write, says so on out,
// and waits to be killed.
func (p *Part) estimator(ctx context.Context, in io.Reader, out *os.File) error {
	boards, err := shm.WaitOpen[Board](ctx, p.topic(topicBoard))
	if err != nil {
		return err
	}
	defer boards.Close()
	estimates, err := shm.Create(p.topic(topicEstimate), firstEstimate(), shm.Resume())
	if err != nil {
		return err
	}
	defer estimates.Close()
	e, err := estimates.Read()
	if err != nil {
		return err
	}
	asked := told(in)
	f := filter{estimate: e}
	for u, err := range boards.Updates(ctx) {
		if err != nil {
			return err
		}
		next := f.next(u.Value, u.Sampled)
		if asked.Load() {
			return stall(ctx, out, boards, estimates, next)
		}
		if err := estimates.WriteAt(next, u.Sampled); err != nil {
			return err
		}
	}
	return nil
}

// told returns a flag that is set when something was read.
func told(in io.Reader) *atomic.Bool {
	flag := new(atomic.Bool)
	go func() {
		if n, _ := in.Read(make([]byte, 1)); n > 0 {
			flag.Store(true)
		}
	}()
	return flag
}

// stall holds a guard on the newest board and half an estimate, for as long as it is
// let live: the worst moment to be killed.
func stall(ctx context.Context, out io.Writer, boards *shm.Consumer[Board], estimates *shm.Publisher[Estimate], next Estimate) error {
	in, err := boards.RLock()
	if err != nil {
		return err
	}
	defer in.Unlock()
	half, err := estimates.Loan()
	if err != nil {
		return err
	}
	defer half.Discard()
	*half.Value() = Estimate{Sequence: next.Sequence, From: next.From, Check: ^next.Check}
	if _, err := fmt.Fprintln(out, "half written"); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// A filter makes estimates of boards.
type filter struct {
	estimate Estimate
	before   Board // the newest so far; Sequence 0 for none
}

// firstEstimate knows nothing.
func firstEstimate() Estimate {
	e := Estimate{Sequence: 1, Load: nan, Memory: nan, Received: nan, Sent: nan}
	for i := range maxReadings {
		e.Temperatures[i] = Track{nan, nan}
		e.IIO[i] = Track{nan, nan}
	}
	return e.sealed()
}

// The filters forget in these times.
const (
	loadTime    = 500 * time.Millisecond
	networkTime = time.Second
	sensorTime  = time.Second
)

// next takes one more board into account.
func (f *filter) next(b Board, sampled shm.Time) Estimate {
	e := f.estimate
	dt := sampled.Sub(shm.Time(e.Sampled))
	e.Sequence++
	e.From, e.Sampled = b.Sequence, int64(sampled)
	e.Load = lowPass(e.Load, b.Load, gain(dt, loadTime))
	e.Memory = lowPass(e.Memory, b.Memory, gain(dt, loadTime))
	if f.before.Sequence != 0 {
		e.Received = lowPass(e.Received, float32((b.Received-f.before.Received)/dt.Seconds()), gain(dt, networkTime))
		e.Sent = lowPass(e.Sent, float32((b.Sent-f.before.Sent)/dt.Seconds()), gain(dt, networkTime))
	}
	for i := range maxReadings {
		e.Temperatures[i] = e.Temperatures[i].next(b.Temperatures[i].Value, dt)
		e.IIO[i] = e.IIO[i].next(b.IIO[i].Value, dt)
	}
	f.before, f.estimate = b, e.sealed()
	return f.estimate
}

// gain is the weight of a measurement dt after the one before, in a filter that
// forgets in the given time.
func gain(dt, memory time.Duration) float64 {
	return 1 - math.Exp(-max(dt, 0).Seconds()/memory.Seconds())
}

// lowPass is a step of an exponential low-pass. What is not measured any more is not
// known any more.
func lowPass(x, measured float32, gain float64) float32 {
	if isNaN(x) || isNaN(measured) {
		return measured
	}
	return x + float32(gain)*(measured-x)
}

// next is a step of an alpha-beta filter, which follows a ramp without lag.
func (t Track) next(measured float32, dt time.Duration) Track {
	switch {
	case isNaN(measured):
		return Track{nan, nan}
	case isNaN(t.Value) || dt <= 0:
		return Track{measured, 0}
	}
	alpha := gain(dt, sensorTime)
	beta := alpha * alpha / (2 - alpha)
	seconds := dt.Seconds()
	expected := float64(t.Value) + float64(t.Trend)*seconds
	surprise := float64(measured) - expected
	return Track{
		Value: float32(expected + alpha*surprise),
		Trend: t.Trend + float32(beta*surprise/seconds),
	}
}
