package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tism-go/tism/hwtest/internal/hist"
	"github.com/tism-go/tism/internal/term"
)

// String writes a figure as people read it.
func (f Figure) String() string { return quantity(f.Value, f.Unit) }

func quantity(v float64, unit string) string {
	switch unit {
	case "ns":
		return nanoseconds(v)
	case "B":
		return term.Bytes(v)
	case "":
		return number(v)
	}
	n := number(v)
	if strings.HasPrefix(unit, "/") {
		return n + unit
	}
	return n + " " + unit
}

// nanoseconds keeps a digit after the point of what is short.
func nanoseconds(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(v, 'f', 1, 64) + " ns"
	}
	return term.Duration(time.Duration(v))
}

// number writes three digits or so, with k, M or G from ten thousand on.
func number(v float64) string {
	if math.Abs(v) < 9999.5 {
		return digits(v)
	}
	for _, prefix := range []string{"k", "M"} {
		if v /= 1000; math.Abs(v) < 999.5 {
			return digits(v) + " " + prefix
		}
	}
	return digits(v/1000) + " G"
}

func digits(v float64) string {
	if v == math.Trunc(v) || math.Abs(v) >= 99.95 {
		return fmt.Sprintf("%.0f", v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// A Text tells a report on a terminal or in a log, as it comes.
type Text struct {
	W     io.Writer
	Paint term.Paint
	Names int // columns for the names
}

// Test prints a test's line, and what there is below it.
func (p Text) Test(t Test) {
	fmt.Fprintln(p.W, strings.TrimRight(fmt.Sprintf("%s  %s  %s", p.outcome(t.Outcome), term.Pad(t.Name, p.Names), p.tail(t)), " "))
	if t.Outcome == Fail {
		for _, line := range strings.Split(strings.TrimRight(t.Reason, "\n"), "\n") {
			fmt.Fprintln(p.W, "      "+p.Paint.Red(line))
		}
	}
	for _, note := range t.Notes {
		fmt.Fprintln(p.W, "      "+p.Paint.Dim(note))
	}
	for _, line := range hist.Plot(t.Bars, 40) {
		fmt.Fprintln(p.W, "      "+line)
	}
}

func (p Text) outcome(o Outcome) string {
	switch o {
	case Pass:
		return p.Paint.Green("pass")
	case Fail:
		return p.Paint.Red("FAIL")
	}
	return p.Paint.Yellow("skip")
}

func (p Text) tail(t Test) string {
	var parts []string
	if t.Outcome == Skip {
		parts = append(parts, t.Reason)
	}
	for _, f := range t.Figures {
		parts = append(parts, f.Name+" "+f.String())
	}
	if t.Rounds > 1 && t.Failed > 0 {
		parts = append(parts, fmt.Sprintf("failed in %d of %d rounds", t.Failed, t.Rounds))
	}
	return strings.Join(parts, ", ")
}

// Summary prints the end of a run.
func (p Text) Summary(r *Report) {
	fmt.Fprintln(p.W)
	for _, line := range r.DriftLines() {
		fmt.Fprintln(p.W, line)
	}
	s := r.Summary
	text := fmt.Sprintf("%d passed, %d failed, %d skipped in %s", s.Pass, s.Fail, s.Skip, term.Duration(time.Duration(r.Suite.Seconds*1e9)))
	if r.Suite.Rounds > 1 {
		text += fmt.Sprintf(" and %d rounds", r.Suite.Rounds)
	}
	if s.Fail > 0 {
		fmt.Fprintln(p.W, p.Paint.Red(text))
		for _, t := range r.Tests {
			if t.Outcome == Fail {
				first, _, _ := strings.Cut(t.Reason, "\n")
				fmt.Fprintf(p.W, "  %s %s: %s\n", p.Paint.Red("FAIL"), t.Name, first)
			}
		}
		fmt.Fprintln(p.W, "Do not fly this board with tism before the reason is known (docs/HWTEST.md says what each test means).")
		return
	}
	fmt.Fprintln(p.W, p.Paint.Green(text))
}

// DriftLines tell what heat did to the latency of wake-ups over the run.
func (r *Report) DriftLines() []string {
	n := len(r.Drift)
	if n < 6 {
		return nil
	}
	wake := make([]float64, n)
	var celsius []float64
	low, high := math.Inf(1), 0.0
	throttled := ""
	for i, s := range r.Drift {
		wake[i] = float64(s.Wake)
		low, high = min(low, wake[i]), max(high, wake[i])
		if s.Celsius != 0 {
			celsius = append(celsius, s.Celsius)
		}
		if s.Throttled != "" {
			throttled = s.Throttled
		}
	}
	first, last := median(wake[:n/3]), median(wake[n-n/3:])
	line := fmt.Sprintf("drift    %s  wake-up %s in the first third, %s in the last (%+.0f%%)", term.Spark(thin(wake, 40), low, high),
		nanoseconds(first), nanoseconds(last), 100*(last/first-1))
	if len(celsius) > 0 {
		line += fmt.Sprintf("; %.0f °C to %.0f °C", celsius[0], celsius[len(celsius)-1])
	}
	if throttled != "" {
		line += "; THROTTLED: " + throttled
	}
	return []string{line}
}

// thin keeps a row of values at most so long, by medians of neighbours.
func thin(values []float64, most int) []float64 {
	if len(values) <= most {
		return values
	}
	out := make([]float64, most)
	for i := range out {
		out[i] = median(values[i*len(values)/most : (i+1)*len(values)/most])
	}
	return out
}
