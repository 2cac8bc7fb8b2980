package demo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// picture draws the view for a terminal of the given size.
func (v *view) picture(cols, rows int, paint term.Paint) []string {
	head := append([]string{v.title(paint), ""}, v.topicTable(paint)...)
	gauges := v.gaugeTable(cols, paint)
	foot := v.eventLines(paint)
	if room := max(rows-len(head)-len(foot)-3, 2); len(gauges) > room {
		more := fmt.Sprintf("… %d more", len(gauges)-room+1)
		gauges = append(gauges[:room-1], paint.Dim(more))
	}
	return slices.Concat(head, []string{""}, gauges, []string{""}, foot)
}

func (v *view) title(paint term.Paint) string {
	progress := term.Duration(v.now.Round(100 * time.Millisecond))
	if v.duration > 0 {
		progress = fmt.Sprintf("%.1f of %v", min(v.now, v.duration).Seconds(), v.duration)
	}
	return paint.Bold("tism demo") + "  " + progress + paint.Dim("  "+v.run+"-* in "+shm.Dir()+", Ctrl-C ends it")
}

func (v *view) topicTable(paint term.Paint) []string {
	t := new(term.Table)
	t.Row("TOPIC", "PUBLISHER", "", "NUMBER", "RATE", "AGE", "LATENCY p50", "p99", "MISSED", "TORN")
	t.Right(3, 4, 5, 6, 7, 8, 9)
	for _, x := range []topicView{v.board, v.estimate} {
		r, s := x.report, x.status
		t.Row(x.name, state(s.State, paint), pid(s.PID), strconv.FormatUint(s.Number, 10),
			fmt.Sprintf("%.1f Hz", x.rate.perSecond()), age(s.SampleAge),
			term.Duration(duration(r.P50)), term.Duration(duration(r.P99)),
			strconv.FormatUint(r.Missed, 10), strconv.FormatUint(r.Torn, 10))
	}
	lines := t.Lines()
	lines[0] = paint.Dim(lines[0])
	return lines
}

func pid(n int) string { return fmt.Sprintf("PID %d", n) }

func state(s shm.State, paint term.Paint) string {
	if s == shm.Alive {
		return paint.Green("● " + s.String())
	}
	return paint.Red("○ " + s.String())
}

func age(d time.Duration) string {
	if d < 0 {
		return "unknown"
	}
	return term.Duration(d)
}

// The columns of the gauges. What the terminal has beyond them is for the bars.
const (
	nameWidth  = 12
	valueWidth = 10
)

func (v *view) gaugeTable(cols int, paint term.Paint) []string {
	width := min(max((cols-nameWidth-2*valueWidth-6)/2, 0), maxPast)
	lines := []string{paint.Dim(gaugeRow("", "MEASURED", "", "FILTERED", "", width))}
	for _, g := range v.gauges {
		p := v.past[g.name]
		lines = append(lines, gaugeRow(g.name,
			g.measured.text, paint.Cyan(p[0].bars(width, g.lo, g.hi)),
			g.filteredText(v.estimate.status.State), paint.Green(p[1].bars(width, g.lo, g.hi)), width))
	}
	return lines
}

// filteredText tells what is missing on the board from what nobody estimates now.
func (g gauge) filteredText(s shm.State) string {
	if s != shm.Alive && g.measured.text != missing {
		return "–"
	}
	return g.filtered.text
}

func gaugeRow(name, measured, bars1, filtered, bars2 string, width int) string {
	return strings.TrimRight(term.Pad(term.Cut(name, nameWidth), nameWidth)+" "+
		term.PadLeft(measured, valueWidth)+" "+term.Pad(bars1, width)+"  "+
		term.PadLeft(filtered, valueWidth)+" "+bars2, " ")
}

// maxEvents is how many of the newest events are in the picture.
const maxEvents = 6

func (v *view) eventLines(paint term.Paint) []string {
	var lines []string
	for _, e := range v.events[max(len(v.events)-maxEvents, 0):] {
		at := term.PadLeft(fmt.Sprintf("%.1f s", e.at.Seconds()), 7)
		lines = append(lines, paint.Dim(at)+"  "+term.Pad(e.topic, len(topicEstimate))+"  "+e.text)
	}
	return lines
}
