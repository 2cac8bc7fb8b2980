package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// An outcome is what there is to say in the end.
type outcome struct {
	report      Report
	errReport   error
	killed      int // PID of the estimator that was killed, 0 for none
	killedAt    time.Duration
	successor   int
	interrupted bool
	err         error    // why the play ended early
	errStop     error    // of stopping the processes
	errClear    error    // of removing the topics
	remains     []string // files that are left behind
}

// readReport reads the last words of the monitor, which is gone by now.
func (o *outcome) readReport(run string) {
	in, err := shm.Open[Report](topicName(run, topicReport), shm.AllowClosed())
	if err != nil {
		o.errReport = err
		return
	}
	defer in.Close()
	o.report, o.errReport = in.Read()
}

// lookForRemains looks with the eyes of somebody who knows nothing of topics.
func (o *outcome) lookForRemains(run string) {
	entries, err := os.ReadDir(shm.Dir())
	o.errClear = errors.Join(o.errClear, err)
	for _, e := range entries {
		if strings.Contains(e.Name(), run) {
			o.remains = append(o.remains, e.Name())
		}
	}
}

// A finding is one thing that the demo is to show.
type finding struct {
	verdict verdict
	text    string
}

// A verdict on a finding.
type verdict string

const (
	ok     verdict = "ok  "
	failed verdict = "FAIL"
	unseen verdict = "--  " // the user ended the demo before
)

func judge(good bool) verdict {
	if good {
		return ok
	}
	return failed
}

// Errors of a demo whose summary says more.
var (
	ErrFailed = errors.New("the demo failed, see FAIL above")
	ErrEnded  = errors.New("the demo was ended before it had shown everything")
)

// print says what was seen. It returns an error if that is not all that was promised.
func (o *outcome) print(out io.Writer) error {
	if o.err != nil && !o.interrupted && o.report.Board.Received == 0 {
		return errors.Join(o.err, o.errStop) // it did not even begin
	}
	var err error
	fmt.Fprintln(out)
	for _, f := range o.findings() {
		if f.verdict == unseen && !o.interrupted {
			f.verdict = failed
		}
		switch {
		case f.verdict == failed:
			err = ErrFailed
		case f.verdict == unseen && err == nil:
			err = ErrEnded
		}
		fmt.Fprintf(out, "%s  %s\n", f.verdict, f.text)
	}
	if b, e := o.report.Board, o.report.Estimate; b.Received > 0 {
		fmt.Fprintf(out, "      latency from publish to receipt: board %s\n", latencies(b))
		fmt.Fprintf(out, "                                       estimate %s\n", latencies(e))
	}
	return err
}

func (o *outcome) findings() []finding {
	all := []finding{o.flow(), o.kill(), o.takeover(), o.carriedOn(), o.intact(), o.left()}
	err := errors.Join(o.err, o.errStop, o.errReport)
	if o.interrupted {
		all = append(all, finding{ok, "ended by a signal"})
		err = o.errStop
	}
	if err != nil {
		all = append(all, finding{failed, err.Error()})
	}
	return all
}

func (o *outcome) flow() finding {
	b, e := o.report.Board, o.report.Estimate
	if b.Received < 2 || e.Received < 2 {
		return finding{unseen, "both topics did not flow"}
	}
	return finding{ok, fmt.Sprintf("both topics flowed: board %s; estimate %s", flowed(b), flowed(e))}
}

func flowed(r FeedReport) string {
	hertz := 0.0
	if r.Span > 0 {
		hertz = float64(r.Received-1) / duration(r.Span).Seconds()
	}
	return fmt.Sprintf("%d values, %.1f Hz, %d missed", r.Received, hertz, r.Missed)
}

func (o *outcome) kill() finding {
	if o.killed == 0 {
		return finding{unseen, "the estimator was not killed"}
	}
	return finding{ok, fmt.Sprintf("the estimator (PID %d) was killed by SIGKILL after %s, in mid-write and holding a guard",
		o.killed, term.Duration(o.killedAt))}
}

func (o *outcome) takeover() finding {
	e := o.report.Estimate
	if e.Takeovers == 0 {
		return finding{unseen, "nobody took the estimator's topic over"}
	}
	return finding{ok, fmt.Sprintf("its successor (PID %d) took the topic over after %s and went on with number %d",
		o.successor, term.Duration(duration(e.Outage)), e.TakenOver)}
}

func (o *outcome) carriedOn() finding {
	b, e := o.report.Board, o.report.Estimate
	switch {
	case b.Failed+e.Failed > 0:
		return finding{failed, "a consumer lost its topic"}
	case e.Takeovers == 0:
		return finding{unseen, "no consumer lived through a takeover"}
	}
	return finding{ok, fmt.Sprintf("the others carried on, nobody reopened a topic: longest pause of board %s, %d boards not estimated",
		term.Duration(duration(b.LongestGap)), o.report.Skipped)}
}

func (o *outcome) intact() finding {
	b, e := o.report.Board, o.report.Estimate
	torn, disordered := b.Torn+e.Torn, b.Disordered+e.Disordered
	return finding{judge(torn+disordered == 0), fmt.Sprintf("all %d values were checked: %d torn, %d out of order",
		b.Received+e.Received, torn, disordered)}
}

func (o *outcome) left() finding {
	switch {
	case o.errClear != nil:
		return finding{failed, "cleaning up: " + o.errClear.Error()}
	case len(o.remains) > 0:
		return finding{failed, "left behind: " + strings.Join(o.remains, ", ")}
	}
	return finding{ok, "nothing is left in " + shm.Dir()}
}

func latencies(r FeedReport) string {
	return fmt.Sprintf("p50 %s, p99 %s, at most %s",
		term.Duration(duration(r.P50)), term.Duration(duration(r.P99)), term.Duration(duration(r.Max)))
}
