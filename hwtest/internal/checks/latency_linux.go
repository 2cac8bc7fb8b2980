package checks

import (
	"context"
	"fmt"
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
// value, and what calls cost. These fail for errors, never for figures.

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
		if err != nil {
			return nil // closed: the end
		}
		a.Say("%d", shm.Now().Sub(info.Published).Nanoseconds())
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
	t.Must(wakes(t, &h, t.Budget(), fifo))
	t.Latency("", &h, true)
	t.Count("wake-ups", int(h.Count()))
}

// wakes wakes a consumer again and again, on the last CPU.
func wakes(t *suite.T, h *hist.Hist, d time.Duration, fifo bool) error {
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir))
	if err != nil {
		return err
	}
	defer p.Close()
	cpus := proc.CPUs()
	c, err := proc.Start("wakes", []any{dir, map[bool]string{true: "fifo"}[fifo]}, proc.On(cpus[len(cpus)-1]))
	if err != nil {
		return err
	}
	defer c.Kill()
	line, err := c.Hear()
	if err != nil {
		return err
	}
	if line != "ready" {
		t.Skipf("not allowed: %s (LimitRTPRIO= in the unit, or root; in a container --cap-add SYS_NICE)", line)
	}
	for start := time.Now(); h.Count() < 20 || time.Since(start) < d; {
		time.Sleep(500 * time.Microsecond) // the consumer sleeps by then, mostly
		if err := writeNext(p); err != nil {
			return err
		}
		var ns int64
		if err := c.Scan("%d", &ns); err != nil {
			return err
		}
		h.Add(time.Duration(ns))
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
	cost(t, "write "+size, d/3, func() error { return p.WriteFrom(v) })
	cost(t, "read "+size, d/3, func() error { return c.ReadInto(v) })
	cost(t, "guard "+size, d/3, func() error {
		g, err := c.RLock()
		if err != nil {
			return err
		}
		return g.Unlock()
	})
}

// cost reports the lowest of many batches: what the call costs when nobody else takes the CPU.
func cost(t *suite.T, name string, d time.Duration, call func() error) {
	lowest := time.Duration(1 << 62)
	const calls = 200
	for start := time.Now(); time.Since(start) < d; {
		began := time.Now()
		for range calls {
			if err := call(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		lowest = min(lowest, time.Since(began))
	}
	t.Figure(name, float64(lowest)/calls, "ns", report.Lower)
}

func clockCost(t *suite.T) {
	cost(t, "shm.Now", t.Part(0.5), func() error { shm.Now(); return nil })
	cost(t, "system call", t.Part(0.5), func() error {
		var ts unix.Timespec
		return unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	})
}

// Probe measures the median of some wake-ups, between tests: what heat does to latency shows there.
var Probe = suite.Test{Name: "drift", About: "median wake-up latency, sampled between tests", Run: func(t *suite.T) {
	var h hist.Hist
	if err := wakes(t, &h, 30*time.Millisecond, false); err != nil {
		t.Fatalf("%v", fmt.Errorf("waking a consumer: %w", err))
	}
	t.Figure("p50", float64(h.Quantile(0.5)), "ns", report.Lower)
}}
