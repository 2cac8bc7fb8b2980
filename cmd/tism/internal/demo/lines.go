package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/tism-go/tism/internal/term"
)

// linePause is the time between two lines on the same topic.
const linePause = time.Second

// A liner writes a view as lines, for logs and grep.
type liner struct {
	events int           // that are written already
	due    time.Duration // when the next lines about the topics are
}

// lines returns what there is to say since the call before.
func (l *liner) lines(v *view) []string {
	var lines []string
	for _, e := range v.events[l.events:] {
		lines = append(lines, fmt.Sprintf("t=%s event=%s %s", seconds(e.at), e.topic, e.text))
	}
	l.events = len(v.events)
	if v.now < l.due {
		return lines
	}
	l.due = v.now + linePause
	measured, filtered := v.values()
	return append(lines, v.topicLine(v.board, measured), v.topicLine(v.estimate, filtered))
}

func (v *view) topicLine(t topicView, values string) string {
	r, s := t.report, t.status
	line := fmt.Sprintf("t=%s topic=%s state=%v pid=%d number=%d rate=%.1fHz age=%s p50=%s p99=%s missed=%d torn=%d %s",
		seconds(v.now), t.name, s.State, s.PID, s.Number, t.rate.perSecond(), joined(age(s.SampleAge)),
		joined(term.Duration(duration(r.P50))), joined(term.Duration(duration(r.P99))), r.Missed, r.Torn, values)
	return strings.TrimSpace(line)
}

func (v *view) values() (measured, filtered string) {
	var m, f []string
	for _, g := range v.gauges {
		key := strings.ReplaceAll(strings.ToLower(g.name), " ", "_")
		m = append(m, key+"="+joined(g.measured.text))
		f = append(f, key+"="+joined(g.filteredText(v.estimate.status.State)))
	}
	return strings.Join(m, " "), strings.Join(f, " ")
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// joined is a figure as one word.
func joined(s string) string { return strings.ReplaceAll(s, " ", "") }
