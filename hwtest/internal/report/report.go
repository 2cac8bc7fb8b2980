// Package report is what a run of hwtest found out, and the forms in which it is told: text for
// people, JSON to keep and to compare, TAP and JUnit for test systems.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tism-go/tism/hwtest/internal/board"
	"github.com/tism-go/tism/hwtest/internal/hist"
)

// Schema is the version of the JSON form.
const Schema = 1

// An Outcome is how a test ended.
type Outcome string

// The outcomes. Skip always comes with a reason.
const (
	Pass Outcome = "pass"
	Fail Outcome = "fail"
	Skip Outcome = "skip"
)

// A Report is a run of the suite on a board.
type Report struct {
	Schema  int         `json:"schema"`
	Suite   Suite       `json:"suite"`
	Board   board.Facts `json:"board"`
	Tests   []Test      `json:"tests"`
	Drift   []Sample    `json:"drift,omitempty"`
	Summary Summary     `json:"summary"`
}

// Suite says what was run, and how.
type Suite struct {
	Version string    `json:"version"`
	Go      string    `json:"go"`
	Target  string    `json:"target"` // linux/arm/7
	Mode    string    `json:"mode"`   // quick, default, soak 1h0m0s
	Run     string    `json:"run,omitempty"`
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`
	Rounds  int       `json:"rounds"`
}

// A Test is one test's result; after several rounds (soak) the worst outcome.
type Test struct {
	Name    string     `json:"name"`
	Outcome Outcome    `json:"outcome"`
	Seconds float64    `json:"seconds"`
	Reason  string     `json:"reason,omitempty"` // of a skip or a failure
	Notes   []string   `json:"notes,omitempty"`
	Figures []Figure   `json:"figures,omitempty"`
	Bars    []hist.Bar `json:"histogram,omitempty"`
	Rounds  int        `json:"rounds,omitempty"` // that ran, if more than one
	Failed  int        `json:"failed,omitempty"` // of them
}

// A Figure is a measured number. It never decides whether a test passes.
type Figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Better Better  `json:"better,omitempty"`
	Worst  float64 `json:"worst,omitempty"` // of the rounds, if several ran
}

// Better says in which direction a figure improves; "" where it only informs.
type Better string

// The directions.
const (
	Lower  Better = "lower"
	Higher Better = "higher"
)

// A Sample is taken between tests, to see what heat does to latency.
type Sample struct {
	Seconds   float64       `json:"seconds"` // since the start
	Wake      time.Duration `json:"wake_ns"` // median of some wake-ups
	Celsius   float64       `json:"celsius,omitempty"`
	MHz       float64       `json:"mhz,omitempty"`
	Throttled string        `json:"throttled,omitempty"` // what the firmware says is going on now
}

// Summary counts outcomes.
type Summary struct {
	Pass int `json:"pass"`
	Fail int `json:"fail"`
	Skip int `json:"skip"`
}

// Count fills in the summary.
func (r *Report) Count() {
	r.Summary = Summary{}
	for _, t := range r.Tests {
		switch t.Outcome {
		case Pass:
			r.Summary.Pass++
		case Fail:
			r.Summary.Fail++
		case Skip:
			r.Summary.Skip++
		}
	}
}

// Find returns a test by name.
func (r *Report) Find(name string) (Test, bool) {
	for _, t := range r.Tests {
		if t.Name == name {
			return t, true
		}
	}
	return Test{}, false
}

// JSON writes the report.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Load reads a report from a file.
func Load(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("reading the report %s: it is not what hwtest --json writes: %w", path, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("reading the report %s: it has schema %d, this hwtest reads %d: use the hwtest that wrote it", path, r.Schema, Schema)
	}
	return &r, nil
}
