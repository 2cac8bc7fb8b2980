package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// A topic is what info shows: the status, and the newest value.
type topic struct {
	shm.Status
	shm.Info
	value  []byte
	unread error // why there is no value
}

// describe returns the topic as --json shows it.
func (t topic) describe() any {
	d := struct {
		description
		Value      json.RawMessage `json:"value"`
		ValueError string          `json:"value_error,omitempty"`
	}{description: describe(t.Status)}
	if t.unread == nil {
		d.description.Number, d.description.Size = t.Info.Number, t.Info.Size // those of the value that is shown
		d.Value, t.unread = valueJSON(t.Type, t.value)
	}
	if t.unread != nil {
		d.Value, d.ValueError = json.RawMessage("null"), cause(t.unread)
	}
	return d
}

// text returns the topic as people read it.
func (t topic) text() string {
	lines := append(t.head().Lines(), "")
	if t.unread != nil {
		lines = append(lines, "no value: "+t.whyUnread())
	} else {
		lines = append(lines, valueLines(t.Type, t.value)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (t topic) whyUnread() string {
	if errors.Is(t.unread, shm.ErrTorn) {
		return "its publisher died while it wrote this topic's only buffer; the next write mends it"
	}
	return cause(t.unread)
}

func (t topic) head() *term.Table {
	s := t.Status
	h := new(term.Table)
	h.Row("topic", s.Name)
	h.Row("file", fmt.Sprintf("%s, mode %#o, uid %d", s.Path, s.Mode.Perm(), s.UID))
	h.Row("memory", fmt.Sprintf("%s for %s of %d bytes, %s for consumers",
		term.Bytes(float64(s.Memory)), count(s.Buffers, "buffer"), s.Type.Size, count(s.Slots, "slot")))
	h.Row("type", typeTitle(s))
	h.Row("publisher", strings.Join(strings.Fields(publisherText(s)), " "))
	h.Row("consumers", count(len(s.Consumers), "slot")+" taken")
	for _, c := range s.Consumers {
		h.Row("", consumerText(c))
	}
	h.Row("writes", fmt.Sprintf("%d by this publisher, %d in all", s.Writes, s.Number))
	h.Row("age", fmt.Sprintf("%s since the newest was published, %s since its sample", ageText(s.Age), ageText(s.SampleAge)))
	if t.unread == nil {
		h.Row("value", fmt.Sprintf("number %d, %d bytes", t.Info.Number, t.Info.Size))
	}
	return h
}

func consumerText(c shm.ConsumerStatus) string {
	text := fmt.Sprintf("slot %d: %s (PID %d)", c.Slot, c.Command, c.PID)
	if c.Holding {
		text += ", holds a guard"
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
