package suite

import (
	"testing"
	"time"

	"github.com/tism-go/tism/hwtest/internal/hist"
)

func TestLatencyOfNothing(t *testing.T) {
	var empty, one hist.Hist
	one.Add(time.Millisecond)
	for _, test := range []struct {
		h     *hist.Hist
		fails bool
	}{{&one, false}, {&empty, true}} {
		var v T
		v.Latency("", test.h, true)
		if v.Failed() != test.fails {
			t.Errorf("%d durations: failed is %v, want %v", test.h.Count(), v.Failed(), test.fails)
		}
	}
}
