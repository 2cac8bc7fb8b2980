// Package suite runs tests, each in a process of its own: one that crashes or hangs is a failed test,
// and what it did to its process (CPUs, limits, mappings) is gone with it.
package suite

import (
	"fmt"
	"time"
)

// A Mode says how long a run may take.
type Mode struct {
	Name string
	// Scale multiplies every test's time; 1 is the default run.
	Scale float64
}

// The modes. A run also takes the time of the tests that end when they are done.
var (
	Quick   = Mode{"quick", 0.08}
	Default = Mode{"default", 1}
)

// A Test is one thing that a board must do.
type Test struct {
	Name  string // subject/what
	About string // one line: what it checks
	// Time is how long the test works in a default run, 0 for one that ends when it is done.
	Time time.Duration
	Run  func(*T)
}

// deadline is when a test counts as hung.
func (t Test) deadline(scale float64) time.Duration {
	return 2*time.Minute + time.Duration(4*scale*float64(t.Time))
}

// Settings are what tests may want to know of the run.
type Settings struct {
	Scale    float64       `json:"scale"`
	Peers    []string      `json:"peers,omitempty"`
	Dir      string        `json:"dir"` // where topics are made, this run's own
	Emulated string        `json:"emulated,omitempty"`
	Time     time.Duration `json:"time"` // of the test
}

// seconds formats as go test does.
func (t Test) String() string { return fmt.Sprintf("%s: %s", t.Name, t.About) }
