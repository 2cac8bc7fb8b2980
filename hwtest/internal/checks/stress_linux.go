package checks

import (
	"fmt"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

// A publisher at full speed and readers of every kind, in processes of their own: no value is torn, and
// none is older than the one before.

var stressTests = makeStressTests()

func makeStressTests() (all []suite.Test) {
	for _, buffers := range []int{1, 2, 4} {
		all = append(all,
			suite.Test{
				Name:  fmt.Sprintf("stress/cores/buffers=%d", buffers),
				About: "no torn or older value at full speed, publisher and readers on CPUs of their own",
				Time:  6 * time.Second, Run: func(t *suite.T) { stress(t, buffers, severalCPUs(t)) },
			},
			suite.Test{
				Name:  fmt.Sprintf("stress/one-core/buffers=%d", buffers),
				About: "no torn or older value at full speed, all on one CPU, cut off anywhere by the scheduler",
				Time:  3 * time.Second, Run: func(t *suite.T) { stress(t, buffers, proc.CPUs()[:1]) },
			})
	}
	return all
}

// severalCPUs skips a test that needs CPUs that work at the same time, and in the order that the machine
// promises.
func severalCPUs(t *suite.T) []int {
	cpus := proc.CPUs()
	if len(cpus) < 2 {
		t.Skipf("needs two CPUs")
	}
	if unordered(t) {
		t.Skipf("emulated: QEMU lets an arm64 LDAR pass an earlier STLR, which no real CPU does")
	}
	return cpus
}

func stress(t *suite.T, buffers int, cpus []int) {
	writes, reads, values, refused := 0, 0, 0, 0
	rounds := []struct {
		size int
		how  []string
	}{
		// Apart, since guards slow the publisher down.
		{small, []string{"read", "next", "readonly"}}, {small, []string{"guard", "guard"}},
		{medium, []string{"read", "guard"}}, {large, []string{"read", "guard", "readonly"}},
	}
	var busy time.Duration
	for _, r := range rounds {
		dir := t.TempDir()
		p, err := proc.Start("publisher", []any{dir, r.size, buffers}, proc.On(cpus[0]))
		t.Must(err)
		t.Cleanup(p.Kill)
		p.Send("create")
		t.Must(p.Expect("published 1 of 1"))
		p.Send("write")
		crew := startReaders(t, dir, r.size, cpus, r.how, "")
		d := t.Part(1 / float64(len(rounds)))
		time.Sleep(d)
		busy += d
		for i, c := range crew {
			n := finishReader(t, c)
			reads, values, refused = reads+n[0], values+n[1], refused+n[2]
			if n[1] < 2 && n[2] == 0 {
				t.Errorf("reader %s saw only one value", r.how[i])
			}
		}
		last, err := p.Finish()
		t.Must(err)
		writes += atoi(last)
	}
	t.Figure("writes", float64(writes)/busy.Seconds(), "/s", report.Higher)
	t.Figure("reads", float64(reads)/busy.Seconds(), "/s", report.Higher)
	t.Count("values seen", values)
	if refused > 0 {
		t.Count("refused to readers without a slot", refused)
	}
}

// startReaders starts readers, spread over all CPUs but the first if there are others, and returns when
// each has seen a change.
func startReaders(t *suite.T, dir string, size int, cpus []int, how []string, bear string) (crew []*proc.Child) {
	for i, way := range how {
		cpu := cpus[0]
		if n := len(cpus) - 1; n > 0 {
			cpu = cpus[1+i%n]
		}
		c, err := proc.Start("reader", []any{dir, size, way, bear}, proc.On(cpu))
		t.Must(err)
		t.Cleanup(c.Kill)
		crew = append(crew, c)
	}
	for _, c := range crew {
		t.Must(c.Expect("open"))
	}
	for _, c := range crew {
		t.Must(c.Expect("sees changes"))
	}
	return crew
}

// finishReader ends a reader and returns its counts: reads, values, refused.
func finishReader(t *suite.T, c *proc.Child) (n [3]int) {
	last, err := c.Finish()
	t.Must(err)
	if _, err := fmt.Sscan(last, &n[0], &n[1], &n[2]); err != nil {
		t.Fatalf("a reader says %q: %v", last, err)
	}
	return n
}
