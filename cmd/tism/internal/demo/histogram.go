package demo

import (
	"math"
	"time"
)

// A histogram counts durations in buckets of 2% each, from 100 ns to minutes, and so
// needs the same small memory for any number of them.
type histogram struct {
	buckets [1024]uint64
	total   uint64
	max     time.Duration
}

const (
	smallest = 100 * time.Nanosecond
	growth   = 1.02
)

func (h *histogram) add(d time.Duration) {
	i := int(math.Log(float64(max(d, smallest))/float64(smallest)) / math.Log(growth))
	h.buckets[min(i, len(h.buckets)-1)]++
	h.total++
	h.max = max(h.max, d)
}

// quantile returns a duration that the given share of all does not exceed, 2% more at
// most than the least such; 0 if there are none.
func (h *histogram) quantile(share float64) time.Duration {
	rank := uint64(math.Ceil(share * float64(h.total)))
	var seen uint64
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= rank {
			upper := float64(smallest) * math.Pow(growth, float64(i+1))
			return min(time.Duration(upper), h.max)
		}
	}
	return h.max
}
