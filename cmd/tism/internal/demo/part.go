package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// PartCommand is the hidden command of this program that runs a [Part].
const PartCommand = "demo-part"

// The roles of a Part.
const (
	roleBoard     = "board"
	roleEstimator = "estimator"
	roleMonitor   = "monitor"
)

// The topics of a run, as they end.
const (
	topicBoard    = "board"
	topicEstimate = "estimate"
	topicReport   = "report"
)

// A Part is one process of a demo.
type Part struct {
	Role     string
	run      string
	rate     int
	duration time.Duration
	plain    bool
}

// Flags adds the flags that [Part.args] writes.
func (p *Part) Flags(f *pflag.FlagSet) {
	f.StringVar(&p.run, "run", "", "name of the run")
	f.IntVar(&p.rate, "rate", 0, "samples per second")
	f.DurationVar(&p.duration, "duration", 0, "of the demo, to show it")
	f.BoolVar(&p.plain, "plain", false, "print lines")
}

// args is the command line of the part.
func (p *Part) args() []string {
	return []string{
		PartCommand, p.Role, "--run=" + p.run, fmt.Sprintf("--rate=%d", p.rate),
		fmt.Sprintf("--duration=%v", p.duration), fmt.Sprintf("--plain=%t", p.plain),
	}
}

func (p *Part) topic(name string) string { return topicName(p.run, name) }

func topicName(run, name string) string { return run + "-" + name }

// Run lives until the parent sends SIGTERM, or has died. Ctrl-C goes to all processes of a
// terminal; the parent alone answers it.
func (p *Part) Run(in io.Reader, out *os.File) error {
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, orphanSignal)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var orphan atomic.Bool
	go func() {
		for s := range signals {
			if s == orphanSignal {
				orphan.Store(true)
			}
			cancel()
		}
	}()
	err := p.play(ctx, in, out)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if orphan.Load() {
		// Nobody else cleans up. All orphans do, so the last one leaves nothing.
		err = errors.Join(err, clearRun(p.run))
	}
	return err
}

func (p *Part) play(ctx context.Context, in io.Reader, out *os.File) error {
	switch {
	case p.run == "" || p.rate < 1:
		return fmt.Errorf("%s is started by tism demo", PartCommand)
	case p.Role == roleBoard:
		return p.board(ctx)
	case p.Role == roleEstimator:
		return p.estimator(ctx, in, out)
	case p.Role == roleMonitor:
		return p.monitor(ctx, out)
	}
	return fmt.Errorf("role %q: one of %s, %s, %s", p.Role, roleBoard, roleEstimator, roleMonitor)
}
