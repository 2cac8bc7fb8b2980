package hist

import (
	"slices"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var h Hist
	if h.Quantile(0.5) != 0 || h.Max() != 0 || len(h.Bars()) != 0 {
		t.Error("an empty histogram is not empty")
	}
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Microsecond)
	}
	for _, test := range []struct {
		share float64
		want  time.Duration
	}{{0, time.Microsecond}, {0.5, 500 * time.Microsecond}, {0.99, 990 * time.Microsecond}, {1, time.Millisecond}} {
		got := h.Quantile(test.share)
		if got < test.want || float64(got) > 1.021*float64(test.want) {
			t.Errorf("Quantile(%v) = %v, want %v or up to 2%% more", test.share, got, test.want)
		}
	}
	if h.Min() != time.Microsecond || h.Max() != time.Millisecond || h.Count() != 1000 {
		t.Errorf("min %v, max %v, count %d", h.Min(), h.Max(), h.Count())
	}
	h.Add(time.Hour) // beyond the last bucket
	if got := h.Quantile(1); got != time.Hour && got < time.Minute {
		t.Errorf("Quantile(1) = %v after an hour", got)
	}
}

func TestMerge(t *testing.T) {
	var a, b, all Hist
	for i := range 100 {
		d := time.Duration(i*i+1) * time.Microsecond
		all.Add(d)
		if i%3 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	a.Merge(&b)
	a.Merge(new(Hist))
	if a != all {
		t.Error("two merged halves are not the whole")
	}
}

func TestBarsAndPlot(t *testing.T) {
	var h Hist
	for range 1000 {
		h.Add(3 * time.Microsecond)
	}
	for range 10 {
		h.Add(30 * time.Microsecond)
	}
	h.Add(700 * time.Microsecond)
	bars := h.Bars()
	var sum uint64
	for _, b := range bars {
		sum += b.Count
	}
	if sum != h.Count() {
		t.Errorf("the bars count %d of %d", sum, h.Count())
	}
	want := []string{
		" < 5.0 µs ██████████ 1000",
		"  < 10 µs",
		"  < 20 µs",
		"  < 50 µs ████       10",
		" < 100 µs",
		" < 200 µs",
		" < 500 µs",
		" < 1.0 ms █          1",
	}
	if got := Plot(bars, 10); !slices.Equal(got, want) {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
}
