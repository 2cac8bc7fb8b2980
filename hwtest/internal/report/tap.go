package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// TAP writes the report in the Test Anything Protocol, version 13.
func (r *Report) TAP(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "TAP version 13\n1..%d\n", len(r.Tests))
	for i, t := range r.Tests {
		switch t.Outcome {
		case Skip:
			fmt.Fprintf(out, "ok %d - %s # SKIP %s\n", i+1, tapName(t.Name), oneLine(t.Reason))
			continue
		case Pass:
			fmt.Fprintf(out, "ok %d - %s\n", i+1, tapName(t.Name))
		default:
			fmt.Fprintf(out, "not ok %d - %s\n", i+1, tapName(t.Name))
		}
		for _, line := range t.details() {
			fmt.Fprintf(out, "# %s\n", line)
		}
	}
	return out.Flush()
}

// '#' begins a directive in TAP.
func tapName(s string) string { return strings.ReplaceAll(s, "#", `\#`) }

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// details are what there is to tell of a test besides its outcome, in lines.
func (t Test) details() (lines []string) {
	if t.Reason != "" {
		lines = strings.Split(strings.TrimRight(t.Reason, "\n"), "\n")
	}
	for _, f := range t.Figures {
		lines = append(lines, f.Name+": "+f.String())
	}
	return append(lines, t.Notes...)
}
