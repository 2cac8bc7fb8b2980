package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/tism-go/tism/internal/term"
)

// A Change is a difference between two reports.
type Change struct {
	Test, Figure string // no figure: the outcome
	Before, Now  string
	Ratio        float64 // now/before
	Verdict      Verdict
}

// A Verdict says what a change is worth.
type Verdict string

// The verdicts.
const (
	Worse    Verdict = "worse"
	Improved Verdict = "better"
	Same     Verdict = ""
)

// Compare returns what two reports have in common, and where they differ. A figure got worse if it
// exceeds the tolerance (0.3: by more than 30%); extremes (max, p99.9) are shown, and never judged: one
// unlucky moment makes them.
func Compare(before, now *Report, tolerance float64) (changes []Change) {
	for _, b := range before.Tests {
		n, ok := now.Find(b.Name)
		if !ok {
			continue
		}
		if b.Outcome != n.Outcome {
			changes = append(changes, Change{Test: b.Name, Before: string(b.Outcome), Now: string(n.Outcome), Verdict: outcomeVerdict(b.Outcome, n.Outcome)})
		}
		for _, f := range b.Figures {
			if g, ok := n.figure(f.Name); ok && f.Better != "" && f.Unit == g.Unit && f.Value > 0 && g.Value > 0 {
				ratio := g.Value / f.Value
				changes = append(changes, Change{Test: b.Name, Figure: f.Name, Before: f.String(), Now: g.String(), Ratio: ratio, Verdict: judge(f, ratio, tolerance)})
			}
		}
	}
	return changes
}

func (t Test) figure(name string) (Figure, bool) {
	for _, f := range t.Figures {
		if f.Name == name {
			return f, true
		}
	}
	return Figure{}, false
}

func outcomeVerdict(before, now Outcome) Verdict {
	switch {
	case now == Fail, before == Pass && now == Skip:
		return Worse
	case before == Fail, before == Skip && now == Pass:
		return Improved
	}
	return Same
}

func judge(f Figure, ratio, tolerance float64) Verdict {
	if extreme(f.Name) {
		return Same
	}
	if f.Better == Higher {
		ratio = 1 / ratio
	}
	switch {
	case ratio > 1+tolerance:
		return Worse
	case ratio < 1/(1+tolerance):
		return Improved
	}
	return Same
}

func extreme(name string) bool {
	for _, word := range []string{"max", "p99.9", "longest", "slowest"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// PrintChanges writes a comparison for people and returns how much got worse.
func PrintChanges(w io.Writer, before, now *Report, changes []Change, all bool, paint term.Paint) (worse int, err error) {
	var t term.Table
	t.Row("", "TEST", "FIGURE", title(before), title(now), "")
	t.Right(3, 4, 5)
	shown := 0
	for _, c := range changes {
		if c.Verdict == Worse {
			worse++
		}
		if c.Verdict == Same && !all {
			continue
		}
		shown++
		t.Row(mark(c.Verdict, paint), c.Test, c.Figure, c.Before, c.Now, percent(c.Ratio))
	}
	if shown > 0 {
		if err := t.Print(w); err != nil {
			return worse, err
		}
	}
	_, err = fmt.Fprintf(w, "%d compared, %d worse, %d better\n", len(changes), worse, better(changes))
	return worse, err
}

func title(r *Report) string { return r.Board.Title() + " " + r.Suite.Started.Format("01-02 15:04") }

func better(changes []Change) (n int) {
	for _, c := range changes {
		if c.Verdict == Improved {
			n++
		}
	}
	return n
}

func mark(v Verdict, paint term.Paint) string {
	switch v {
	case Worse:
		return paint.Red("worse")
	case Improved:
		return paint.Green("better")
	}
	return ""
}

func percent(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%+.0f%%", math.Round(100*(ratio-1)))
}
