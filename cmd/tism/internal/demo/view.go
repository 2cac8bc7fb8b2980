package demo

import (
	"fmt"
	"time"

	"github.com/tism-go/tism/shm"
)

// A view is what the monitor shows at one time.
type view struct {
	run      string
	duration time.Duration // of the demo; 0: endless
	now      time.Duration // since the monitor started
	board    topicView
	estimate topicView
	events   []event
	gauges   []gauge
	past     map[string]*[2]past // of each gauge: measured, filtered
}

// An event is a change that is worth a line.
type event struct {
	at    time.Duration
	topic string
	text  string
}

func newView(run string, duration time.Duration) view {
	return view{
		run: run, duration: duration, past: make(map[string]*[2]past),
		board: topicView{name: topicBoard}, estimate: topicView{name: topicEstimate},
	}
}

// A topicView is a topic as the monitor shows it.
type topicView struct {
	name   string
	report FeedReport
	status shm.Status
	rate   rate
	err    error
}

// update brings a topic up to date and notes what happened to it.
func (v *view) update(t *topicView, r FeedReport, err error, s shm.Status) {
	if text := change(t.status, s); text != "" {
		v.events = append(v.events, event{v.now, t.name, text})
	}
	if err != nil && t.err == nil {
		v.events = append(v.events, event{v.now, t.name, "the monitor lost it: " + err.Error()})
	}
	t.report, t.err, t.status = r, err, s
	t.rate.add(v.now, r.Received)
}

// change says what became of a topic's publisher between two looks at it.
func change(before, after shm.Status) string {
	switch {
	case before.State == after.State && before.PID == after.PID:
		return ""
	case after.State == shm.Alive && before.PID == 0:
		return fmt.Sprintf("PID %d publishes", after.PID)
	case after.State == shm.Alive:
		return fmt.Sprintf("PID %d took over; nobody had to reopen", after.PID)
	case after.State == shm.Died:
		return fmt.Sprintf("PID %d died; its last whole value, number %d, stays", after.PID, after.Number)
	}
	return fmt.Sprintf("%v by PID %d", after.State, after.PID)
}

// measure brings the gauges up to date.
func (v *view) measure(b Board, e Estimate) {
	if b.Sequence == 0 {
		return // nothing was received yet
	}
	if v.estimate.status.State != shm.Alive {
		e = firstEstimate() // nobody estimates
	}
	v.gauges = gauges(b, e)
	for _, g := range v.gauges {
		p := v.past[g.name]
		if p == nil {
			p = new([2]past)
			v.past[g.name] = p
		}
		p[0].add(g.measured.value)
		p[1].add(g.filtered.value)
	}
}

// A rate is the growth of a count over the last second.
type rate struct {
	at     [rateLooks]time.Duration
	counts [rateLooks]uint64
	n      int
}

const rateLooks = int(time.Second/refresh) + 1

func (r *rate) add(at time.Duration, count uint64) {
	r.at[r.n%rateLooks], r.counts[r.n%rateLooks] = at, count
	r.n++
}

func (r *rate) perSecond() float64 {
	if r.n < 2 {
		return 0
	}
	newest, oldest := (r.n-1)%rateLooks, max(r.n-rateLooks, 0)%rateLooks
	return float64(r.counts[newest]-r.counts[oldest]) / (r.at[newest] - r.at[oldest]).Seconds()
}
