package checks

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/hwtest/internal/hist"
	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// How long it takes from a write to the moment at which a sleeping consumer in another process has the
// value, and what calls cost. They do not judge how large a figure is, only whether it can be one: whether
// the clock makes sense, wakes arrive, and the calls did what they are for.

var figureTests = []suite.Test{
	{Name: "latency/idle", About: "from a write to the value in a consumer that slept, in another process", Time: 6 * time.Second, Run: func(t *suite.T) { latency(t, false, false) }},
	{Name: "latency/load", About: "the same while every CPU is busy", Time: 6 * time.Second, Run: func(t *suite.T) { latency(t, true, false) }},
	{Name: "latency/fifo", About: "the same, busy CPUs, consumer under SCHED_FIFO", Time: 6 * time.Second, Run: func(t *suite.T) { latency(t, true, true) }},
	{Name: "cost/calls", About: "what a write, a read and a guard cost, by size", Time: 3 * time.Second, Run: costs},
	{Name: "cost/clock", About: "what reading the clock costs, as the library does it and as a system call", Time: time.Second, Run: clockCost},
}

func init() {
	proc.Role("wakes", countWakes)
	proc.Role("burner", func(a *proc.Actor) error {
		for !a.Over() {
		}
		return nil
	})
}

// setFIFO puts all threads of this process under SCHED_FIFO.
func setFIFO(priority uint32) error {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, e := range entries {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: priority}
		if err := unix.SchedSetAttr(atoi(e.Name()), &attr, 0); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

// countWakes waits for values and tells, for each, the nanoseconds since its publication. Arguments:
// directory, "fifo" or "".
func countWakes(a *proc.Actor) error {
	c, err := shm.Open[[8]uint64](topic, shm.InDir(a.Args[0]))
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if a.Has("fifo") {
		if err := setFIFO(50); err != nil {
			a.Say("SCHED_FIFO: %v", err)
			return nil
		}
	}
	v := new([8]uint64)
	if err := c.ReadInto(v); err != nil {
		return err
	}
	a.Say("ready")
	for {
		info, err := c.NextInto(context.Background(), v)
		now := shm.Now()
		if err == nil {
			err = whole(v, info.Number)
		}
		if err != nil {
			return err
		}
		a.Say("%d", now.Sub(info.Published).Nanoseconds())
	}
}

func latency(t *suite.T, load, fifo bool) {
	var h hist.Hist
	cpus := proc.CPUs()
	if load {
		for _, cpu := range cpus {
			b, err := proc.Start("burner", nil, proc.On(cpu))
			t.Must(err)
			t.Cleanup(b.Kill)
		}
	}
	w := newWaker(t, fifo)
	if !load {
		wakesArrive(t, "a consumer", func() (time.Duration, error) {
			time.Sleep(deepSleep)
			return w.wake()
		})
	}
	t.Must(w.wakes(&h, t.Budget()))
	t.Latency("", &h, true)
	t.Count("wake-ups", int(h.Count()))
}

const (
	// A sleeper whom no wake reaches looks again by itself after 10, 50, 210, 370, 530 ms (package futex).
	deepSleep = 400 * time.Millisecond
	byItself  = 50 * time.Millisecond // less than is left then
)

// wakesArrive fails if a sleeper finds out only when it looks again by itself. It calls a function that wakes
// it after deepSleep and returns how long that took. The best of a few counts, so that a busy machine is no
// reason.
func wakesArrive(t *suite.T, who string, wake func() (time.Duration, error)) {
	best := time.Duration(math.MaxInt64)
	for range 3 {
		took, err := wake()
		t.Must(err)
		best = min(best, took)
	}
	if best > byItself {
		t.Errorf("no wake reached %s: at best it took %v, as long as until it looks again by itself", who, best)
	}
}

// A waker wakes a consumer in another process, on the last CPU.
type waker struct {
	p *shm.Publisher[[8]uint64]
	c *proc.Child
}

func newWaker(t *suite.T, fifo bool) waker {
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir))
	t.Must(err)
	t.Cleanup(func() { _ = p.Close() })
	cpus := proc.CPUs()
	c, err := proc.Start("wakes", []any{dir, map[bool]string{true: "fifo"}[fifo]}, proc.On(cpus[len(cpus)-1]))
	t.Must(err)
	t.Cleanup(c.Kill)
	line, err := c.Hear()
	t.Must(err)
	if line != "ready" {
		t.Skipf("not allowed: %s (LimitRTPRIO= in the unit, or root; in a container --cap-add SYS_NICE)", line)
	}
	return waker{p, c}
}

// wake publishes a value and returns how long the consumer says it took to have it.
func (w waker) wake() (time.Duration, error) {
	start := time.Now()
	if err := writeNext(w.p); err != nil {
		return 0, err
	}
	var ns time.Duration
	if err := w.c.Scan("%d", &ns); err != nil {
		return 0, fmt.Errorf("waking a consumer with value %d: %w", w.p.TotalWrites(), err)
	}
	if took := time.Since(start); ns < 0 || ns > took {
		return 0, fmt.Errorf("a consumer says that it had a value %v after its publication, and all of it took %v: the times of two CPUs or processes do not agree", ns, took)
	}
	return ns, nil
}

// wakes wakes the consumer again and again.
func (w waker) wakes(h *hist.Hist, d time.Duration) error {
	for start := time.Now(); h.Count() < 20 || time.Since(start) < d; {
		time.Sleep(500 * time.Microsecond) // the consumer sleeps by then, mostly
		took, err := w.wake()
		if err != nil {
			return err
		}
		h.Add(took)
	}
	return nil
}

func costs(t *suite.T) {
	costOf[[8]uint64](t, "64 B", t.Part(0.33))
	costOf[[128]uint64](t, "1 KiB", t.Part(0.33))
	costOf[[8192]uint64](t, "64 KiB", t.Part(0.33))
}

func costOf[T sample](t *suite.T, size string, d time.Duration) {
	dir := shm.InDir(t.TempDir())
	v := stamped[T](1)
	p, err := shm.Create(topic, *v, dir)
	t.Must(err)
	defer p.Close()
	c, err := shm.Open[T](topic, dir)
	t.Must(err)
	defer c.Close()
	writes := cost(t, "write "+size, d/3, func() error { return p.WriteFrom(v) })
	into := new(T)
	cost(t, "read "+size, d/3, func() error { return c.ReadInto(into) })
	t.Must(whole(into, 1)) // what all the writes wrote
	if n := c.Info().Number; n != writes+1 {
		t.Errorf("after %d writes a read has value %d, want %d", writes, n, writes+1)
	}
	cost(t, "guard "+size, d/3, func() error {
		g, err := c.RLock()
		if err != nil {
			return err
		}
		return g.Unlock()
	})
}

// cost reports the lowest of many batches: what the call costs when nobody else takes the CPU. It returns
// how often it has called.
func cost(t *suite.T, name string, d time.Duration, call func() error) (calls uint64) {
	lowest := time.Duration(math.MaxInt64)
	const batch = 200
	for start := time.Now(); calls == 0 || time.Since(start) < d; calls += batch {
		began := time.Now()
		for range batch {
			if err := call(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		lowest = min(lowest, time.Since(began))
	}
	t.Figure(name, float64(lowest)/batch, "ns", report.Lower)
	return calls
}

func clockCost(t *suite.T) {
	cost(t, "shm.Now", t.Part(0.5), func() error { shm.Now(); return nil })
	var ts unix.Timespec
	monotonic := func() error { return unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) }
	cost(t, "system call", t.Part(0.5), monotonic)
	for range 1000 {
		t.Must(monotonic())
		before := shm.Time(ts.Nano())
		now := shm.Now()
		t.Must(monotonic())
		if after := shm.Time(ts.Nano()); now < before || now > after {
			t.Fatalf("the library's clock says %d between a system call that says %d and one that says %d: times of different processes mean nothing", now, before, after)
		}
	}
}

// Probe measures the median of some wake-ups, between tests: what heat does to latency shows there.
var Probe = suite.Test{Name: "drift", About: "median wake-up latency, sampled between tests", Run: func(t *suite.T) {
	var h hist.Hist
	t.Must(newWaker(t, false).wakes(&h, 30*time.Millisecond))
	t.Figure("p50", float64(h.Quantile(0.5)), "ns", report.Lower)
}}
