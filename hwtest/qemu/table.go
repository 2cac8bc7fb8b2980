package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tism-go/tism/hwtest/qemu/internal/machine"
)

// A cell is what became of one program on one machine.
type cell struct {
	failed                bool
	passed, skipped, lost int
	why                   string
	skips                 []string // reasons
	failures              []string // names
	took                  time.Duration
}

func (c cell) String() string {
	switch {
	case c.why != "":
		return c.why
	case c.failed:
		return fmt.Sprintf("FAIL %d of %d", c.lost, c.lost+c.passed)
	case c.skipped > 0:
		return fmt.Sprintf("%d ok, %d skip", c.passed, c.skipped)
	}
	return fmt.Sprintf("%d ok", c.passed)
}

var (
	goTest = regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+)`)
	goRuns = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S+)`)
	tap    = regexp.MustCompile(`(?m)^ *(ok|not ok) \d+[ -]*(.*)$`)
	source = regexp.MustCompile(`^\s+\S+\.go:\d+: `)
)

// judge reads a program's output and adds it to what its column has already. A program
// that ended well but ran no test has failed.
func judge(c cell, r machine.Result, text string) cell {
	c.took += r.Took
	before := c.passed
	for _, t := range goTest.FindAllStringSubmatch(text, -1) {
		c.count(t[1] == "PASS", t[1] == "SKIP", t[2], "")
	}
	c.skips = append(c.skips, skipReasons(text)...)
	for _, t := range tap.FindAllStringSubmatch(text, -1) {
		name, reason, skip := strings.Cut(t[2], "# SKIP")
		c.count(t[1] == "ok", skip, strings.TrimSpace(name), strings.TrimSpace(reason))
	}
	switch {
	case r.Late:
		c.failed, c.why = true, "TIME UP"
	case r.Code != 0 && c.lost == 0:
		c.failed, c.why = true, fmt.Sprint("FAIL, exit ", r.Code)
	case r.Code != 0:
		c.failed = true
	case c.lost > 0:
		c.failed, c.why = true, fmt.Sprintf("FAIL %d, but exit 0", c.lost)
	case c.passed == before:
		c.failed, c.why = true, "FAIL, no test"
	}
	return c
}

// skipReasons are the last words of tests that skipped. With -test.v a test's log comes
// before its result.
func skipReasons(text string) (reasons []string) {
	said := map[string]string{}
	name := ""
	for line := range strings.Lines(text) {
		if m := goRuns.FindStringSubmatch(line); m != nil {
			name = m[1]
		} else if source.MatchString(line) {
			said[name] = strings.TrimSpace(source.ReplaceAllString(line, ""))
		} else if m := goTest.FindStringSubmatch(line); m != nil && m[1] == "SKIP" {
			reasons = append(reasons, m[2]+": "+said[m[2]])
		}
	}
	return reasons
}

func (c *cell) count(ok, skip bool, name, reason string) {
	switch {
	case skip:
		c.skipped++
		if reason != "" {
			c.skips = append(c.skips, name+": "+reason)
		}
	case ok:
		c.passed++
	default:
		c.lost++
		c.failures = append(c.failures, name)
	}
}

// judgeRefusal is content with a program that its CPU could not run.
func judgeRefusal(r machine.Result, text string, signs []string) cell {
	const sigill = 128 + 4
	said := slices.ContainsFunc(signs, func(s string) bool { return strings.Contains(text, s) })
	switch {
	case r.Code == 0:
		return cell{failed: true, why: "FAIL, it ran"}
	case r.Late || !said && r.Code != sigill:
		return cell{failed: true, why: fmt.Sprint("FAIL, exit ", r.Code)}
	}
	return cell{passed: 1, why: "refused", took: r.Took}
}

// printTable prints the outcomes and tells how many failed.
func printTable(out io.Writer, columns []string, all []outcome) (failed int) {
	var ran, refusing []outcome
	for _, o := range all {
		if len(o.row.refuses) > 0 {
			refusing = append(refusing, o)
		} else {
			ran = append(ran, o)
		}
	}
	fmt.Fprintln(out)
	if len(ran) > 0 {
		printCells(out, filled(columns, ran), ran)
	}
	for _, o := range refusing { // a line each: their names would make the table too wide for a terminal
		text := "not run"
		if c, ok := o.cells["futex"]; ok {
			text = c.String()
		}
		fmt.Fprintf(out, "%s: %s\n", o.row.name(), text)
	}
	printSkips(out, ran)
	for _, o := range all {
		if o.again {
			fmt.Fprintf(out, "%s: the emulator hung once and was started again\n", o.row.name())
		}
		if !o.failed() {
			continue
		}
		failed++
		for column, c := range o.cells {
			if c.failed {
				fmt.Fprintf(out, "FAILED: %s: %s: %v %s (%s)\n", o.row.name(), column, c, strings.Join(c.failures, " "), o.log)
			}
		}
		if o.err != nil {
			first, _, _ := strings.Cut(o.err.Error(), "\n") // the rest was told when it happened
			fmt.Fprintf(out, "FAILED: %s: %s (%s)\n", o.row.name(), first, o.log)
		}
	}
	fmt.Fprintf(out, "%d machines, %d failed\n", len(all), failed)
	return failed
}

// filled are the columns that hold anything; all of them if none does.
func filled(columns []string, all []outcome) (kept []string) {
	for _, c := range columns {
		if slices.ContainsFunc(all, func(o outcome) bool { _, ok := o.cells[c]; return ok }) {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return columns
	}
	return kept
}

func printCells(out io.Writer, columns []string, all []outcome) {
	booted := slices.ContainsFunc(all, func(o outcome) bool { return o.row.system != nil })
	heads := append([]string{"machine"}, columns...)
	if booted {
		heads = slices.Insert(heads, 1, "kernel")
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(append(heads, "time"), "\t")))
	for _, o := range all {
		fmt.Fprint(w, o.row.name())
		if kernel := cmp.Or(o.kernel, "-"); booted {
			if o.row.system == nil {
				kernel = "(host's)"
			}
			fmt.Fprint(w, "\t", kernel)
		}
		for _, c := range columns {
			text := "-"
			if cell, ok := o.cells[c]; ok {
				text = cell.String()
			} else if o.err != nil {
				text = "not run"
			}
			fmt.Fprint(w, "\t", text)
		}
		fmt.Fprintf(w, "\t%.0f s\n", o.took.Seconds())
	}
	_ = w.Flush()
}

// printSkips tells each reason once, with the machines that gave it.
func printSkips(out io.Writer, all []outcome) {
	var reasons []string
	where := map[string][]string{}
	for _, o := range all {
		for _, column := range programs {
			for _, s := range o.cells[column].skips {
				if where[s] == nil {
					reasons = append(reasons, s)
				}
				where[s] = append(where[s], o.row.name())
			}
		}
	}
	for _, r := range reasons {
		names := slices.Compact(where[r])
		machines := strings.Join(names, ", ")
		if len(names) == len(all) && len(all) > 1 {
			machines = "everywhere"
		}
		fmt.Fprintf(out, "skipped: %s (%s)\n", r, machines)
	}
}
