// Package guest is what the runner on the host and the /init of an emulated machine agree
// on: a plan that travels in the initramfs, and marker lines on the serial console that
// tell what happens to it.
//
// The console also carries what the programs and the kernel print, so a marker holds a
// token that the runner made up, and is found wherever it stands in a line.
package guest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// PlanPath is where the plan lies in the initramfs.
const PlanPath = "tism-plan.json"

// A Plan is what /init does, in this order, before it switches the machine off.
type Plan struct {
	Token string // marks the lines that are /init's own
	Jobs  []Job
}

// A Job is one program to run.
type Job struct {
	Name    string
	Path    string // of the program in the guest
	Args    []string
	Dir     string   // to run it in
	Env     []string // added to a small environment of its own
	Timeout time.Duration
}

// Encode is the plan as /init reads it.
func (p Plan) Encode() ([]byte, error) { return json.Marshal(p) }

// Decode reads a plan.
func Decode(text []byte) (p Plan, err error) {
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("reading the plan: %w", err)
	}
	if p.Token == "" {
		return p, fmt.Errorf("reading the plan: it has no token")
	}
	return p, nil
}

// NewToken is a word that no program prints by chance.
func NewToken() string { return rand.Text() }

// Kind says what a marker tells.
type Kind string

// The kinds of markers.
const (
	Fact  Kind = "fact"  // Text is "key value" about the machine
	Begin Kind = "begin" // a job starts
	End   Kind = "end"   // a job has ended
	Fault Kind = "fault" // /init itself could not do something: Text
	Done  Kind = "done"  // nothing more comes
)

// A Marker is one line of /init's.
type Marker struct {
	Kind Kind
	Job  int           // for Begin and End
	Code int           // for End: the exit code, 128+signal when a signal ended it
	Late bool          // for End: its time was up, so it was ended
	Took time.Duration // for End
	Text string        // for Fact and Fault
}

// Line is the marker as it goes over the console.
func (m Marker) Line(token string) string {
	words := []string{"@tism", token, string(m.Kind)}
	switch m.Kind {
	case Begin:
		words = append(words, strconv.Itoa(m.Job))
	case End:
		words = append(words, strconv.Itoa(m.Job), strconv.Itoa(m.Code), strconv.FormatBool(m.Late), strconv.FormatInt(m.Took.Milliseconds(), 10))
	case Fact, Fault:
		words = append(words, strings.ReplaceAll(m.Text, "\n", " "))
	}
	return strings.Join(append(words, "."), " ")
}

// Parse finds a marker with that token in a line of the console. What stands before it is
// returned as well: a program's last words without a newline.
func Parse(line, token string) (before string, m Marker, ok bool) {
	before, rest, ok := strings.Cut(line, "@tism "+token+" ")
	if !ok {
		return line, m, false
	}
	rest, whole := strings.CutSuffix(strings.TrimRight(rest, "\r\n "), " .")
	if !whole {
		return line, m, false // cut short, or something was printed into it
	}
	kind, text, _ := strings.Cut(rest, " ")
	m.Kind = Kind(kind)
	var took int64
	var err error
	switch m.Kind {
	case Begin:
		_, err = fmt.Sscanf(text, "%d", &m.Job)
	case End:
		_, err = fmt.Sscanf(text, "%d %d %t %d", &m.Job, &m.Code, &m.Late, &took)
		m.Took = time.Duration(took) * time.Millisecond
	case Fact, Fault:
		m.Text = text
	case Done:
	default:
		return line, m, false
	}
	return before, m, err == nil
}
