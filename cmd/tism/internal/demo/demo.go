package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// A Demo is what the user asked for.
type Demo struct {
	Duration time.Duration // 0: until Ctrl-C
	Rate     int           // samples per second
	Plain    bool
}

// Run starts the processes and says in the end what was seen. It returns
// [ErrFailed] or [ErrEnded] if that is not all that was promised.
func (d Demo) Run(out *os.File) error {
	// The kernel tells the children that their parent is dead when the thread ends that
	// started them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A reader that has gone (tism demo | head) must not keep us from cleaning up.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()

	d.Plain = d.Plain || !term.Is(out)
	crew, err := newCrew(d)
	if err != nil {
		return err
	}
	var o outcome
	o.err = d.play(ctx, crew, &o)
	o.interrupted = ctx.Err() != nil
	o.errStop = crew.stop()
	o.readReport(crew.run)
	o.errClear = clearRun(crew.run)
	o.lookForRemains(crew.run)
	return o.print(out)
}

// How long things may take that take milliseconds on an idle machine.
const patience = 30 * time.Second

// play is the plot: all start, the estimator is killed, it comes back.
func (d Demo) play(ctx context.Context, crew *crew, o *outcome) error {
	ctx, cancel := crew.watch(ctx)
	defer cancel()
	if err := crew.startAll(); err != nil {
		return err
	}
	report, err := openReport(ctx, crew.run)
	if err != nil {
		return crew.why(ctx, err)
	}
	defer report.Close()
	started := shm.Now()

	killAt, pause := d.timing()
	if err := sleepUntil(ctx, started.Add(killAt)); err != nil {
		return crew.why(ctx, err)
	}
	o.killedAt = started.Age()
	if o.killed, err = crew.killEstimator(ctx); err != nil {
		return crew.why(ctx, err)
	}
	if err := sleepUntil(ctx, shm.Now().Add(pause)); err != nil {
		return crew.why(ctx, err)
	}
	if err := crew.start(roleEstimator); err != nil {
		return err
	}
	o.successor = crew.pid(roleEstimator)
	if err := awaitTakeover(ctx, report); err != nil {
		return crew.why(ctx, err)
	}
	return crew.why(ctx, d.untilEnd(ctx, started))
}

// timing tells when the estimator is killed, and for how long it is left dead: long
// enough to be seen, and early enough that its successor is seen, too.
func (d Demo) timing() (killAt, pause time.Duration) {
	whole := d.Duration
	if whole == 0 {
		whole = 10 * time.Second
	}
	return whole * 4 / 10, min(max(whole/8, 200*time.Millisecond), 2*time.Second)
}

func (d Demo) untilEnd(ctx context.Context, started shm.Time) error {
	if d.Duration > 0 {
		return sleepUntil(ctx, started.Add(d.Duration))
	}
	<-ctx.Done()
	return ctx.Err()
}

func sleepUntil(ctx context.Context, t shm.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(t.Sub(shm.Now())):
		return nil
	}
}

// openReport waits until the monitor has opened both topics: it says so by publishing
// its report. Then it waits for the first values.
func openReport(ctx context.Context, run string) (*shm.Consumer[Report], error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	report, err := shm.WaitOpen[Report](ctx, topicName(run, topicReport))
	if err != nil {
		return nil, err
	}
	err = awaitReport(ctx, report, func(r Report) bool { return r.Board.Received > 1 && r.Estimate.Received > 1 })
	if err != nil {
		report.Close()
		return nil, err
	}
	return report, nil
}

// awaitTakeover waits until the monitor has values of the estimator's successor.
func awaitTakeover(ctx context.Context, report *shm.Consumer[Report]) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return awaitReport(ctx, report, func(r Report) bool { return r.Estimate.Takeovers > 0 })
}

func awaitReport(ctx context.Context, report *shm.Consumer[Report], enough func(Report) bool) error {
	for u, err := range report.Updates(ctx) {
		if err != nil {
			return err
		}
		if enough(u.Value) {
			return nil
		}
	}
	return nil
}

// killEstimator has the estimator stop in the middle of a write, and kills it there. It
// returns the PID.
func (c *crew) killEstimator(ctx context.Context) (pid int, err error) {
	e := c.members[roleEstimator]
	if _, err := io.WriteString(e.in, "stop half way\n"); err != nil {
		return 0, fmt.Errorf("telling the estimator to stop half way: %w", err)
	}
	half := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(e.out).ReadString('\n')
		half <- err
	}()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(patience):
		return 0, fmt.Errorf("waiting for the estimator to stop half way: %w", os.ErrDeadlineExceeded)
	case err := <-half:
		if err != nil {
			return 0, fmt.Errorf("waiting for the estimator to stop half way: %w", err)
		}
	}
	return e.cmd.Process.Pid, e.kill()
}

// newRun makes a name that no other run has, in whatever container that shares our
// directory: PIDs alone would not do.
func newRun() string {
	return fmt.Sprintf("tism-demo-%d-%04x", os.Getpid(), rand.N(1<<16))
}
