package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/cmd/tism/internal/sensors"
	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// The parts may be programs for other CPUs (TISM_EXEC_PREFIX).
func TestPortable(t *testing.T) {
	for _, err := range []error{shm.CheckPortable[Board](), shm.CheckPortable[Estimate](), shm.CheckPortable[Report]()} {
		if err != nil {
			t.Error(err)
		}
	}
}

func testBoard(sequence uint64) Board {
	return newBoard(sensors.Sample{
		Load: 0.5, Memory: 0.25, Received: 1000 * float64(sequence), Sent: math.NaN(),
		Temperatures: []sensors.Reading{{Name: "cpu-thermal", Unit: "°C", Value: 48.5}},
		IIO:          slices.Repeat([]sensors.Reading{{Name: "accel_x", Unit: "m/s²", Value: 9.8}}, maxReadings+1),
	}, sequence)
}

func TestWhole(t *testing.T) {
	b, e := testBoard(7), firstEstimate()
	if !b.whole() || !e.whole() {
		t.Fatal("a fresh message is not whole")
	}
	b.IIO[maxReadings-1].Value++
	e.Sequence++
	if b.whole() || e.whole() {
		t.Error("a message that was changed is still whole")
	}
	if (Board{}).whole() || (Estimate{}).whole() {
		t.Error("zeros are a whole message")
	}
}

func TestNewBoard(t *testing.T) {
	b := testBoard(1)
	if got := text(b.Temperatures[0].Name[:]); got != "cpu-thermal" {
		t.Errorf("name %q", got)
	}
	if !isNaN(b.Temperatures[1].Value) || text(b.Temperatures[1].Name[:]) != "" {
		t.Errorf("a sensor that is not there = %+v", b.Temperatures[1])
	}
	if !math.IsNaN(b.Sent) {
		t.Errorf("sent = %v, want NaN", b.Sent)
	}
}

// run feeds boards to a filter, 20 ms apart.
func run(f *filter, boards int, change func(i int, b *Board)) (e Estimate) {
	for i := range boards {
		b := testBoard(f.before.Sequence + 1)
		change(i, &b)
		e = f.next(b, shm.Time(f.estimate.Sampled).Add(20*time.Millisecond))
	}
	return e
}

func TestFilterFollows(t *testing.T) {
	f := filter{estimate: firstEstimate()}
	f.estimate.Sampled = 1e9
	e := run(&f, 500, func(i int, b *Board) {
		b.Load = 0.5 + 0.2*float32(i%2*2-1) // noise
		b.Temperatures[0].Value = 40 + float32(i)/50
	})
	if !e.whole() || e.Sequence != 501 || e.From != 500 {
		t.Errorf("estimate %d from board %d, whole: %t", e.Sequence, e.From, e.whole())
	}
	near(t, "load", e.Load, 0.5, 0.02)
	near(t, "received", e.Received, 50_000, 1)
	near(t, "temperature", e.Temperatures[0].Value, 40+499.0/50, 0.05)
	near(t, "its trend", e.Temperatures[0].Trend, 1, 0.01)
	for what, x := range map[string]float32{"sent": e.Sent, "a sensor that is not there": e.Temperatures[1].Value} {
		if !isNaN(x) {
			t.Errorf("%s = %v, want NaN", what, x)
		}
	}
}

func near(t *testing.T, what string, got, want, within float32) {
	t.Helper()
	if !(math.Abs(float64(got-want)) <= float64(within)) {
		t.Errorf("%s = %v, want %v ± %v", what, got, want, within)
	}
}

// What is gone is not estimated any more, and starts afresh when it is back.
func TestFilterForgetsWhatIsGone(t *testing.T) {
	f := filter{estimate: firstEstimate()}
	f.estimate.Sampled = 1e9
	run(&f, 10, func(int, *Board) {})
	e := run(&f, 1, func(_ int, b *Board) { b.Load, b.Temperatures[0].Value = nan, nan })
	if !isNaN(e.Load) || !isNaN(e.Temperatures[0].Value) || !isNaN(e.Temperatures[0].Trend) {
		t.Errorf("load %v, temperature %+v; want NaN", e.Load, e.Temperatures[0])
	}
	e = run(&f, 1, func(_ int, b *Board) { b.Load = 0.125 })
	near(t, "load", e.Load, 0.125, 0)
	near(t, "temperature", e.Temperatures[0].Value, 48.5, 0)
}

// A successor has nothing but the newest estimate. It goes on from there, without a
// jump.
func TestFilterResumes(t *testing.T) {
	f := filter{estimate: firstEstimate()}
	f.estimate.Sampled = 1e9
	before := run(&f, 300, func(int, *Board) {})
	successor := filter{estimate: before}
	b := testBoard(350) // 50 were missed
	b.Load = 0.6
	after := successor.next(b, shm.Time(before.Sampled).Add(time.Second))
	if after.Sequence != before.Sequence+1 || after.From != 350 {
		t.Errorf("estimate %d from board %d after %d", after.Sequence, after.From, before.Sequence)
	}
	near(t, "received", after.Received, before.Received, 0)
	near(t, "load", after.Load, 0.6, 0.02) // a second is long
}

func TestHistogram(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	var h histogram
	if h.quantile(0.5) != 0 {
		t.Error("median of nothing is not 0")
	}
	all := make([]time.Duration, 10_000)
	for i := range all {
		all[i] = time.Duration(math.Exp(rng.Float64()*15 + 5)) // 148 ns to 0.5 s
		h.add(all[i])
	}
	slices.Sort(all)
	for _, share := range []float64{0.01, 0.5, 0.99, 1} {
		want := all[int(math.Ceil(share*float64(len(all))))-1]
		if got := h.quantile(share); got < want || float64(got) > float64(want)*growth+1 {
			t.Errorf("quantile(%v) = %v, want %v and at most 2%% more (seed %d)", share, got, want, seed)
		}
	}
	h.add(-1)
	h.add(time.Hour)
	if h.max != time.Hour || h.quantile(1) > time.Hour {
		t.Errorf("max %v, quantile(1) %v, want %v", h.max, h.quantile(1), time.Hour)
	}
}

func TestRate(t *testing.T) {
	var r rate
	for i := range 30 {
		r.add(time.Duration(i)*refresh, uint64(i*i))
		if i == 0 && r.perSecond() != 0 {
			t.Errorf("rate of one look = %v", r.perSecond())
		}
	}
	if want := float64(29*29 - 19*19); math.Abs(r.perSecond()-want) > 1e-6 {
		t.Errorf("rate = %v, want that of the last second, %v", r.perSecond(), want)
	}
}

func TestFeedCounts(t *testing.T) {
	var f feed[Board]
	note := func(number uint64, missed uint64, b Board, now shm.Time, pid int) {
		f.note(shm.Update[Board]{Value: b, Info: shm.Info{Number: number, Missed: missed, Published: now - 1000}}, now, pid)
	}
	torn := testBoard(5)
	torn.Load = 99
	note(1, 0, testBoard(1), 1e9, 1)
	note(2, 0, testBoard(2), 2e9, 1)
	note(5, 2, torn, 3e9, 1)
	note(6, 0, testBoard(6), 7e9, 2)  // a successor
	note(6, 0, testBoard(6), 8e9, 2)  // again
	note(8, 0, testBoard(77), 9e9, 2) // not what its number says
	got := f.snapshot().FeedReport
	got.P50, got.P99 = 0, 0
	want := FeedReport{
		Received: 6, Missed: 2, Torn: 1, Disordered: 2, Takeovers: 1, TakenOver: 6,
		Outage: 4e9, LongestGap: 4e9, Span: 8e9, Max: 1000,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func testView() *view {
	v := newView("tism-demo-1-beef", 10*time.Second)
	at := func(now time.Duration, board, estimate shm.Status) {
		v.now = now
		v.update(&v.board, FeedReport{Received: 100, P50: 38_000, P99: 91_000}, nil, board)
		v.update(&v.estimate, FeedReport{Received: 90}, nil, estimate)
		v.measure(testBoard(100), firstEstimate())
	}
	board := shm.Status{PID: 11, Number: 100, SampleAge: 12 * time.Millisecond}
	at(time.Second, board, shm.Status{PID: 12, Number: 90})
	at(2*time.Second, board, shm.Status{PID: 12, Number: 90, State: shm.Died, SampleAge: time.Second})
	at(3*time.Second, board, shm.Status{PID: 13, Number: 90})
	at(4*time.Second, board, shm.Status{PID: 13, Number: 120, State: shm.Replaced})
	return &v
}

func TestEvents(t *testing.T) {
	var got []string
	for _, e := range testView().events {
		got = append(got, fmt.Sprintf("%v %s %s", e.at, e.topic, e.text))
	}
	want := []string{
		"1s board PID 11 publishes",
		"1s estimate PID 12 publishes",
		"2s estimate PID 12 died; its last whole value, number 90, stays",
		"3s estimate PID 13 took over; nobody had to reopen",
		"4s estimate replaced by PID 13",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPictureFits(t *testing.T) {
	v := testView()
	for _, size := range [][2]int{{200, 60}, {100, 30}, {80, 24}, {40, 10}, {1, 2}} {
		lines := v.picture(size[0], size[1], false)
		// 14 lines are never left out: the screen cuts them off.
		if len(lines) > max(size[1]-1, 14) {
			t.Errorf("%d lines for a terminal of %d", len(lines), size[1])
		}
		for _, line := range lines[7:] {
			if size[0] >= 80 && term.Width(line) > size[0] {
				t.Errorf("line of %d characters for a terminal of %d: %q", term.Width(line), size[0], line)
			}
		}
	}
	picture := strings.Join(v.picture(80, 60, false), "\n")
	for _, want := range []string{"board     ● alive", "estimate  ○ replaced", "38 µs", "CPU load         50.0 %", "cpu-thermal     48.5 °C", "accel_x        9.8 m/s²", "network out     missing"} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %q in:\n%s", want, picture)
		}
	}
	if strings.Contains(picture, "\x1b") {
		t.Errorf("colours in a picture without:\n%q", picture)
	}
	if !strings.Contains(strings.Join(v.picture(80, 24, false), "\n"), " more") {
		t.Error("a terminal of 24 lines does not say that there are more sensors")
	}
}

func TestLinesComeOncePerSecond(t *testing.T) {
	v, l := testView(), new(liner)
	if n := len(l.lines(v)); n != 5+2 {
		t.Errorf("%d lines at first, want 5 events and 2 topics", n)
	}
	v.now += linePause / 2
	if lines := l.lines(v); len(lines) != 0 {
		t.Errorf("lines half a second later: %q", lines)
	}
	v.now += linePause
	lines := l.lines(v)
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "t=5.5s topic=board state=alive pid=11 number=100 ") ||
		!strings.HasSuffix(lines[1], " temperature=missing iio_sensor=missing") && !strings.Contains(lines[1], "cpu_load=–") {
		t.Errorf("lines: %q", lines)
	}
}
