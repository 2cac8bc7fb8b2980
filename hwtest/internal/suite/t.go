package suite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tism-go/tism/hwtest/internal/hist"
	"github.com/tism-go/tism/hwtest/internal/report"
)

// A T is what a test reports to. Its methods are for the test's own goroutine.
type T struct {
	Settings
	result   report.Test
	failures []string
	cleanups []func()
}

// Budget is how long the test is to work.
func (t *T) Budget() time.Duration { return time.Duration(t.Scale * float64(t.Time)) }

// Part is a share of the budget, at least so long that something happens.
func (t *T) Part(share float64) time.Duration {
	return max(time.Duration(share*float64(t.Budget())), 50*time.Millisecond)
}

// Times is n in a default run, fewer in a shorter one, but no fewer than least.
func (t *T) Times(n, least int) int { return max(least, int(min(t.Scale, 1)*float64(n))) }

// Errorf says what is wrong and goes on.
func (t *T) Errorf(format string, args ...any) {
	if len(t.failures) < 10 {
		t.failures = append(t.failures, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	}
	t.result.Outcome = report.Fail
}

// Fatalf says what is wrong and ends the test.
func (t *T) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}

// Must ends the test if there is an error.
func (t *T) Must(err error) {
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Is insists that an error is another.
func (t *T) Is(what string, err, want error) {
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// Skipf ends the test because the board, or what it lacks, does not allow it.
func (t *T) Skipf(format string, args ...any) {
	if t.result.Outcome != report.Fail {
		t.result.Outcome, t.result.Reason = report.Skip, fmt.Sprintf(format, args...)
	}
	runtime.Goexit()
}

// Notef adds a line below the test's.
func (t *T) Notef(format string, args ...any) {
	t.result.Notes = append(t.result.Notes, fmt.Sprintf(format, args...))
}

// Figure reports a number.
func (t *T) Figure(name string, value float64, unit string, better report.Better) {
	t.result.Figures = append(t.result.Figures, report.Figure{Name: name, Value: value, Unit: unit, Better: better})
}

// Count reports how often something was done.
func (t *T) Count(name string, n int) { t.Figure(name, float64(n), "", "") }

// Latency reports a histogram as figures, and as a plot if the test is about nothing else.
func (t *T) Latency(prefix string, h *hist.Hist, plot bool) {
	if h.Count() == 0 {
		t.Errorf("nothing was measured")
		return
	}
	for _, q := range []struct {
		name  string
		value time.Duration
	}{{"p50", h.Quantile(0.5)}, {"p99", h.Quantile(0.99)}, {"p99.9", h.Quantile(0.999)}, {"max", h.Max()}} {
		t.Figure(strings.TrimSpace(prefix+" "+q.name), float64(q.value), "ns", report.Lower)
	}
	if plot {
		t.result.Bars = h.Bars()
	}
}

// Cleanup has f called when the test is over, last first.
func (t *T) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

// TempDir makes a directory for topics that is gone when the test is over.
func (t *T) TempDir() string {
	dir, err := os.MkdirTemp(t.Dir, "t-")
	t.Must(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Eventually waits for what must come.
func (t *T) Eventually(what string, is func() bool) {
	const patience = time.Minute
	for start := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("waited for %v until %s", patience, what)
		}
	}
}

// run runs the test to its end.
func (t *T) run(test Test) report.Test {
	t.result = report.Test{Name: test.Name, Outcome: report.Pass}
	start := time.Now()
	t.guard(func() { test.Run(t) })
	for _, f := range slices.Backward(t.cleanups) {
		t.guard(f)
	}
	t.result.Seconds = time.Since(start).Seconds()
	if len(t.failures) > 0 {
		t.result.Reason = strings.Join(t.failures, "\n")
	}
	return t.result
}

// guard calls f on a goroutine that may end early, or panic.
func (t *T) guard(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}

// Topics returns this run's directory below the one where topics live.
func Topics(shmDir string) (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(shmDir, "hwtest-")
	if err != nil {
		return "", nil, fmt.Errorf("making a directory for topics: %w: set TISM_DIR to a tmpfs that this user may write to", err)
	}
	abs, err := filepath.Abs(dir)
	return abs, func() { _ = os.RemoveAll(dir) }, err
}

// Failed reports whether something was wrong so far.
func (t *T) Failed() bool { return len(t.failures) > 0 }
