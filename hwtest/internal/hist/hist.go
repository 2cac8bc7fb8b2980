// Package hist counts durations in little memory and draws them.
package hist

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/tism-go/tism/internal/term"
)

// A Hist counts durations in buckets of 2% each, from 10 ns to over a minute, and needs the same
// 9 KiB for any number of them. The zero value is empty.
type Hist struct {
	buckets [1152]uint64
	total   uint64
	min     time.Duration
	max     time.Duration
}

const (
	smallest = 10 * time.Nanosecond
	growth   = 1.02
)

// Add counts a duration.
func (h *Hist) Add(d time.Duration) {
	if h.total == 0 || d < h.min {
		h.min = d
	}
	h.max = max(h.max, d)
	h.buckets[bucket(d)]++
	h.total++
}

func bucket(d time.Duration) int {
	i := int(math.Log(float64(max(d, smallest))/float64(smallest)) / math.Log(growth))
	return min(i, len(Hist{}.buckets)-1)
}

// Merge counts what another one has counted.
func (h *Hist) Merge(o *Hist) {
	if o.total == 0 {
		return
	}
	if h.total == 0 || o.min < h.min {
		h.min = o.min
	}
	h.max = max(h.max, o.max)
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.total += o.total
}

// Count returns how many durations were counted.
func (h *Hist) Count() uint64 { return h.total }

// Min and Max are exact; 0 if there are none.
func (h *Hist) Min() time.Duration { return h.min }
func (h *Hist) Max() time.Duration { return h.max }

// Quantile returns a duration that the given share of all does not exceed, at most 2% more than
// the least such; 0 if there are none.
func (h *Hist) Quantile(share float64) time.Duration {
	rank := uint64(math.Ceil(share * float64(h.total)))
	var seen uint64
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= rank {
			upper := float64(smallest) * math.Pow(growth, float64(i+1))
			return max(h.min, min(time.Duration(upper), h.max))
		}
	}
	return h.max
}

// A Bar is a row of a drawn histogram: how many durations were below To and not in the bar before.
type Bar struct {
	To    time.Duration `json:"to_ns"`
	Count uint64        `json:"count"`
}

// Bars sums the buckets into steps of 1, 2, 5, 10, ..., from the first that is not empty to the last.
func (h *Hist) Bars() []Bar {
	var bars []Bar
	next := 0
	for _, to := range steps() {
		end := len(h.buckets)
		if to <= time.Minute {
			end = bucket(to)
		}
		var n uint64
		for ; next < end; next++ {
			n += h.buckets[next]
		}
		if n > 0 || len(bars) > 0 {
			bars = append(bars, Bar{To: to, Count: n})
		}
	}
	for len(bars) > 0 && bars[len(bars)-1].Count == 0 {
		bars = bars[:len(bars)-1]
	}
	return bars
}

func steps() (all []time.Duration) {
	for decade := 10 * time.Nanosecond; decade <= time.Minute; decade *= 10 {
		all = append(all, decade, 2*decade, 5*decade)
	}
	return all
}

// Plot draws bars, one line each, with widths that show the logarithm of the counts: what is rare
// is what a real-time program has to know about.
func Plot(bars []Bar, width int) []string {
	var most uint64
	for _, b := range bars {
		most = max(most, b.Count)
	}
	lines := make([]string, len(bars))
	for i, b := range bars {
		n := 0
		if b.Count > 0 {
			n = 1 + int(math.Round(float64(width-1)*math.Log(float64(b.Count))/math.Max(math.Log(float64(most)), 1)))
		}
		lines[i] = strings.TrimRight(fmt.Sprintf("%s %s %s", term.PadLeft("< "+term.Duration(b.To), 9), term.Pad(strings.Repeat("█", min(n, width)), width), count(b.Count)), " ")
	}
	return lines
}

func count(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
