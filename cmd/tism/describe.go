package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// A description is a topic as --json shows it. Its keys are an interface: scripts
// depend on them. Times are nanoseconds; what is not known is left out.
type description struct {
	Name        string         `json:"name"`
	Path        string         `json:"path"`
	Error       string         `json:"error,omitempty"`
	Type        *typeJSON      `json:"type,omitempty"`
	Buffers     int            `json:"buffers,omitempty"`
	Slots       int            `json:"slots,omitempty"`
	Memory      int64          `json:"memory_bytes,omitempty"`
	Mode        string         `json:"mode,omitempty"`
	UID         *uint32        `json:"uid,omitempty"`
	Publisher   *publisherJSON `json:"publisher,omitempty"`
	Consumers   []consumerJSON `json:"consumers,omitempty"`
	Number      uint64         `json:"number,omitempty"`
	Writes      uint64         `json:"writes"`
	Size        int            `json:"size_bytes"`
	AgeNS       *int64         `json:"age_ns,omitempty"`
	SampleAgeNS *int64         `json:"sample_age_ns,omitempty"`
	Torn        bool           `json:"torn,omitempty"`
}

type typeJSON struct {
	Kind   shm.Kind    `json:"kind"`
	Name   string      `json:"name,omitempty"`
	Size   int         `json:"size_bytes"`
	Fields []fieldJSON `json:"fields,omitempty"`
}

type fieldJSON struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Offset int    `json:"offset"`
}

type publisherJSON struct {
	State   string `json:"state"`
	PID     int    `json:"pid"`
	Command string `json:"command"`
}

type consumerJSON struct {
	Slot    int    `json:"slot"`
	PID     int    `json:"pid"`
	Command string `json:"command"`
	Holding bool   `json:"holding"`
}

func describeAll(list []shm.Status) []description {
	all := make([]description, len(list)) // not nil: JSON's empty array
	for i, s := range list {
		all[i] = describe(s)
	}
	return all
}

func describe(s shm.Status) description {
	if s.Err != nil {
		return description{Name: s.Name, Path: s.Path, Error: cause(s.Err)}
	}
	d := description{
		Name: s.Name, Path: s.Path, Type: describeType(s.Type), Buffers: s.Buffers, Slots: s.Slots,
		Memory: s.Memory, Mode: fmt.Sprintf("%#o", s.Mode.Perm()), UID: &s.UID,
		Publisher: &publisherJSON{s.State.String(), s.PID, s.Command},
		Number:    s.Number, Writes: s.Writes, Size: s.Size,
		AgeNS: known(s.Age), SampleAgeNS: known(s.SampleAge), Torn: s.Torn,
	}
	for _, c := range s.Consumers {
		d.Consumers = append(d.Consumers, consumerJSON(c))
	}
	return d
}

func describeType(t shm.Type) *typeJSON {
	d := &typeJSON{Kind: t.Kind, Name: t.Name, Size: t.Size}
	for _, f := range t.Fields {
		d.Fields = append(d.Fields, fieldJSON{f.Name, fieldType(f), f.Offset})
	}
	return d
}

// known is an age, or nil for one that is not known.
func known(d time.Duration) *int64 {
	if d < 0 {
		return nil
	}
	ns := d.Nanoseconds()
	return &ns
}

// cause is an error without what a table says already: the call and the topic.
func cause(err error) string {
	var op *shm.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return err.Error()
}

func typeTitle(s shm.Status) string {
	if s.Err != nil {
		return "error: " + cause(s.Err)
	}
	t := s.Type
	switch {
	case t.Kind == shm.Struct && t.Name != "":
		return fmt.Sprintf("%s (%d B)", t.Name, t.Size)
	case t.Name != "":
		return fmt.Sprintf("%s %s (up to %d B)", t.Kind, t.Name, t.Size)
	case t.Kind == shm.Struct:
		return fmt.Sprintf("%s (%d B)", t.Kind, t.Size)
	}
	return fmt.Sprintf("%s (up to %d B)", t.Kind, t.Size)
}

func publisherText(s shm.Status) string {
	text := fmt.Sprintf("%-6s  %s (PID %d)", s.State, s.Command, s.PID)
	if s.Torn {
		text += ", value torn"
	}
	return text
}

func ageText(d time.Duration) string {
	if d < 0 {
		return "unknown"
	}
	return term.Duration(d)
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printJSONLine(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
