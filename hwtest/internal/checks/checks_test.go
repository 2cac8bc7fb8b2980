//go:build linux

package checks

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// A check that cannot fail is worth nothing: each judge is shown what it must not let pass.

func TestWhole(t *testing.T) {
	v := stamped[[8]uint64](7)
	if err := whole(v, 7); err != nil {
		t.Error(err)
	}
	if err := whole(v, 8); err == nil {
		t.Error("value 7 passes for value 8")
	}
	for i := range v {
		torn := *v
		torn[i] -= 1 // of value 6
		if err := whole(&torn, 7); err == nil || !strings.Contains(err.Error(), "TORN") {
			t.Errorf("with word %d of value 6: %v", i, err)
		}
	}
}

func TestLitmusCounts(t *testing.T) {
	for _, test := range []struct {
		name string
		p    pair
		saw  [2][]uint32
		want int
	}{
		// Rounds 1 to 3. Left loads what right stored the round before, and right what left did in this one.
		{"in order", storeBuffering{}, [2][]uint32{{0, 1, 2}, {1, 2, 3}}, 0},
		{"both too old", storeBuffering{}, [2][]uint32{{0, 1, 2}, {1, 0, 3}}, 1},
		{"in order", messagePassing{}, [2][]uint32{{1, 2, 2}, {1, 2, 3}}, 0},
		{"flag before message", messagePassing{}, [2][]uint32{{1, 2, 3}, {0, 2, 2}}, 2},
	} {
		if got := test.p.count(1, test.saw); got != test.want {
			t.Errorf("%T, %s: %d forbidden, want %d", test.p, test.name, got, test.want)
		}
	}
}

func TestTornWords(t *testing.T) {
	var words [16]uint32
	for i := range words {
		words[i] = 5
	}
	if tornWords(&words, 5) || !tornWords(&words, 6) {
		t.Error("whole words of 5 count as torn, or as those of 6")
	}
	words[15] = 4
	if !tornWords(&words, 5) {
		t.Error("a word of 4 passes among those of 5")
	}
}

func TestClockThatRunsBackwards(t *testing.T) {
	b := &baton{at: shm.Now().Add(time.Hour)}
	if _, err := b.side(0)(); err == nil {
		t.Error("a time an hour ahead passes")
	}
	b = new(baton)
	if rounds, err := b.side(0)(); err != nil || rounds != 1 {
		t.Errorf("%d rounds, %v, want one", rounds, err)
	}
}

func TestJudges(t *testing.T) {
	best := func(all ...time.Duration) func(*suite.T) {
		return func(t *suite.T) {
			var i atomic.Int32
			wakesArrive(t, "nobody", func() (time.Duration, error) { return all[int(i.Add(1)-1)%len(all)], nil })
		}
	}
	for name, test := range map[string]struct {
		judge func(*suite.T)
		fails bool
	}{
		"a wake among the late":   {best(130*time.Millisecond, time.Millisecond, 140*time.Millisecond), false},
		"no wake":                 {best(130*time.Millisecond, 128*time.Millisecond), true},
		"a word where it belongs": {func(t *suite.T) { agree(t, []fact{{"word", uint32(1), uint32(1)}}) }, false},
		"a word that moved":       {func(t *suite.T) { agree(t, []fact{{"word", uint32(0), uint32(1)}}) }, true},
		"in order":                {func(t *suite.T) { judge(t, verdict{0, 10}, verdict{1, 10}) }, false},
		"out of order":            {func(t *suite.T) { judge(t, verdict{1, 10}, verdict{1, 10}) }, true},
	} {
		var verdict suite.T
		test.judge(&verdict)
		if verdict.Failed() != test.fails {
			t.Errorf("%s: failed is %v, want %v", name, verdict.Failed(), test.fails)
		}
	}
}
