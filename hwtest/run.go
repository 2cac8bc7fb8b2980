package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/internal/board"
	"github.com/tism-go/tism/hwtest/internal/checks"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// A run is the default command: it runs the tests.
type run struct {
	quick bool
	soak  time.Duration
	run   string
	list  bool
	json  string
	tap   bool
	junit string
	peers []string

	tests  []suite.Test
	out    io.Writer
	text   report.Text
	report report.Report
}

func newRun() *cobra.Command {
	r := &run{}
	cmd := &cobra.Command{
		Use:   "hwtest",
		Short: "The suite that a board must pass",
		Long:  about,
		Example: `  hwtest                         about 2 minutes
  hwtest --quick                 about 15 seconds
  hwtest --soak 12h --json board.json
  hwtest --run 'litmus|stress'   only these
  hwtest compare monday.json tuesday.json
  hwtest ssh pi@flight -- --quick`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.main(cmd) },
	}
	f := cmd.Flags()
	f.BoolVar(&r.quick, "quick", false, "take about 15 seconds")
	f.DurationVar(&r.soak, "soak", 0, "repeat the run until this time is over")
	f.StringVar(&r.run, "run", "", "only tests whose name matches the regular expression")
	f.BoolVar(&r.list, "list", false, "list the tests and what they check")
	f.StringVar(&r.json, "json", "", "write the report as JSON to a file (-: standard output, and no text)")
	f.BoolVar(&r.tap, "tap", false, "write TAP to standard output in place of text")
	f.StringVar(&r.junit, "junit", "", "write the report as JUnit XML to a file (-: standard output, and no text)")
	f.StringArrayVar(&r.peers, "peer", nil, "a build of hwtest for the other word size, to share topics with (default: hwtest-* beside this one); may be a command line such as 'qemu-arm-static ./hwtest-armv7'")
	return cmd
}

func (r *run) main(cmd *cobra.Command) error {
	if err := r.choose(); err != nil {
		return err
	}
	if r.list {
		return r.printList(cmd.OutOrStdout())
	}
	if runtime.GOOS != "linux" {
		return fmt.Errorf("running the tests: %w: topics need Linux (hwtest ssh runs them on a board)", errors.ErrUnsupported)
	}
	r.out = cmd.OutOrStdout()
	r.text = report.Text{W: r.out, Names: r.longestName(), Paint: term.Paint(false)}
	if f, ok := r.out.(*os.File); ok && term.Is(f) {
		r.text.Paint = term.Colours()
	}
	if r.quiet() {
		r.text.W = io.Discard
	}
	if err := errors.Join(writable(r.json), writable(r.junit)); err != nil {
		return err // now, and not after twelve hours
	}
	dir, remove, err := suite.Topics(shm.Dir())
	if err != nil {
		return err
	}
	defer remove()
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := r.start(); err != nil {
		return err
	}
	r.rounds(ctx, dir)
	return r.end(ctx)
}

// choose picks the tests and the mode.
func (r *run) choose() error {
	pattern, err := regexp.Compile(r.run)
	if err != nil {
		return usagef("--run: %v", err)
	}
	for _, t := range checks.All() {
		if pattern.MatchString(t.Name) {
			r.tests = append(r.tests, t)
		}
	}
	switch stdout := count(r.json == "-", r.tap, r.junit == "-"); {
	case r.quick && r.soak > 0:
		return usagef("--quick and --soak exclude each other")
	case r.soak < 0:
		return usagef("--soak %v: must be positive", r.soak)
	case stdout > 1:
		return usagef("only one of --json -, --tap and --junit - can have the standard output")
	case len(r.tests) == 0 && runtime.GOOS == "linux":
		return usagef("--run %s: no test has such a name (--list shows them)", r.run)
	}
	return nil
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

// quiet reports whether standard output is for a machine.
func (r *run) quiet() bool { return r.json == "-" || r.tap || r.junit == "-" }

func (r *run) mode() suite.Mode {
	switch {
	case r.quick:
		return suite.Quick
	case r.soak > 0:
		return suite.Mode{Name: "soak " + r.soak.String(), Scale: 1}
	}
	return suite.Default
}

func (r *run) longestName() (n int) {
	for _, t := range r.tests {
		n = max(n, len(t.Name))
	}
	return n
}

func (r *run) printList(w io.Writer) error {
	var t term.Table
	for _, test := range r.tests {
		t.Text(test.Name, test.About)
	}
	return t.Print(w)
}

// start prints the board.
func (r *run) start() error {
	r.report = report.Report{
		Schema: report.Schema,
		Suite:  report.Suite{Version: version(), Go: runtime.Version(), Target: target(), Mode: r.mode().Name, Run: r.run, Started: time.Now()},
		Board:  board.Read("/", shm.Dir()),
	}
	if err := r.report.Board.Print(r.text.W, r.text.Paint); err != nil {
		return err
	}
	fmt.Fprintf(r.text.W, "hwtest %s, %s, %s, %s run of %d tests\n\n", r.report.Suite.Version, r.report.Suite.Target, r.report.Suite.Go, r.mode().Name, len(r.tests))
	return nil
}

// rounds runs all tests once, or again and again.
func (r *run) rounds(ctx context.Context, dir string) {
	results := make([][]report.Test, len(r.tests))
	settings := suite.Settings{Scale: r.mode().Scale, Peers: r.peers, Dir: dir, Emulated: r.report.Board.Emulated}
	start := time.Now()
	for ctx.Err() == nil && (r.report.Suite.Rounds == 0 || time.Since(start) < r.soak) {
		r.report.Suite.Rounds++
		for i, test := range r.tests {
			if ctx.Err() != nil {
				break
			}
			r.sample(start, settings)
			result := suite.Run(test, settings)
			results[i] = append(results[i], result)
			if r.report.Suite.Rounds == 1 || result.Outcome == report.Fail {
				r.text.Test(result)
			}
		}
		if r.report.Suite.Rounds > 1 {
			fmt.Fprintf(r.text.W, "round %d ended after %s\n", r.report.Suite.Rounds, term.Duration(time.Since(start)))
		}
	}
	for _, rounds := range results {
		if len(rounds) > 0 {
			r.report.Tests = append(r.report.Tests, report.Merge(rounds))
		}
	}
	r.report.Suite.Seconds = time.Since(start).Seconds()
	r.report.Count()
}

// sample takes the board's temperature, and the latency that goes with it.
func (r *run) sample(start time.Time, settings suite.Settings) {
	if len(r.tests) < 6 || len(r.report.Drift) > 10_000 {
		return
	}
	probe := suite.Run(checks.Probe, settings)
	if len(probe.Figures) == 0 {
		return // it is no test: what is broken shows there
	}
	heat := board.ReadHeat("/")
	r.report.Drift = append(r.report.Drift, report.Sample{
		Seconds: time.Since(start).Seconds(), Wake: time.Duration(probe.Figures[0].Value),
		Celsius: heat.Celsius, MHz: heat.MHz, Throttled: heat.Throttled,
	})
}

// end prints the summary and writes the reports.
func (r *run) end(ctx context.Context) error {
	r.text.Summary(&r.report)
	errs := []error{
		r.write(r.json, r.report.JSON),
		r.write(r.junit, r.report.JUnit),
		r.write(map[bool]string{true: "-"}[r.tap], r.report.TAP),
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: the report has what ran before")
	}
	if r.report.Summary.Fail > 0 {
		return errFailed
	}
	return nil
}

// writable says whether a report can be written. It leaves alone what an earlier run has left there.
func writable(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return f.Close()
}

// write writes a report to a file, or to standard output.
func (r *run) write(path string, how func(io.Writer) error) error {
	switch path {
	case "":
		return nil
	case "-":
		return how(r.out)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return errors.Join(how(f), f.Close())
}
