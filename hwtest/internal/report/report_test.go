package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/hwtest/internal/board"
	"github.com/tism-go/tism/hwtest/internal/hist"
)

var update = flag.Bool("update", false, "write the golden files anew")

func example() *Report {
	r := &Report{
		Schema: Schema,
		Suite:  Suite{Version: "v1.2.3", Go: "go1.26", Target: "linux/arm64/v8.0", Mode: "quick", Started: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Seconds: 15.25, Rounds: 1},
		Board:  board.Facts{Model: "Raspberry Pi 5 Model B", Kernel: "6.12.0", Machine: "aarch64", PageSize: 16384},
		Tests: []Test{
			{Name: "futex/timeout", Outcome: Pass, Seconds: 0.5, Figures: []Figure{{Name: "late by p50", Value: 61234, Unit: "ns", Better: Lower}}},
			{Name: "stress/cores/buffers=1", Outcome: Fail, Seconds: 1, Reason: "TORN: in value 7, word 3 of 8 is of value 6\nexit status 1"},
			{Name: "mixed/word-sizes", Outcome: Skip, Reason: "needs the <other> build #2"},
			{
				Name: "latency/idle", Outcome: Pass, Seconds: 2, Notes: []string{"a note"},
				Figures: []Figure{{Name: "p50", Value: 15000, Unit: "ns", Better: Lower}, {Name: "writes", Value: 7923456, Unit: "/s", Better: Higher}, {Name: "kills", Value: 12}},
				Bars:    []hist.Bar{{To: 10 * time.Microsecond, Count: 5}, {To: 20 * time.Microsecond, Count: 100}},
			},
		},
	}
	for i := range 9 {
		r.Drift = append(r.Drift, Sample{Seconds: float64(i), Wake: time.Duration(10+i) * time.Microsecond, Celsius: 40 + float64(i)})
	}
	r.Count()
	return r
}

func TestFormats(t *testing.T) {
	r := example()
	text := func(w io.Writer) error {
		p := Text{W: w, Names: 22}
		for _, test := range r.Tests {
			p.Test(test)
		}
		p.Summary(r)
		return nil
	}
	for name, write := range map[string]func(io.Writer) error{"json": r.JSON, "tap": r.TAP, "junit.xml": r.JUnit, "txt": text} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "report."+name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s:\n%s\nwant:\n%s", path, got.String(), want)
		}
	}
}

func TestLoad(t *testing.T) {
	r, err := Load("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	var got, want bytes.Buffer
	if err := r.JSON(&got); err != nil {
		t.Fatal(err)
	}
	if err := example().JSON(&want); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Error("a report that was written and loaded is another one")
	}
	for text, says := range map[string]string{"{": "not what hwtest --json writes", `{"schema": 99}`: "schema 99"} {
		path := filepath.Join(t.TempDir(), "bad.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("Load of %q: %v, want an error that says %q and names the file", text, err, says)
		}
	}
}

func TestMerge(t *testing.T) {
	round := func(o Outcome, v float64) Test {
		return Test{Name: "x", Outcome: o, Seconds: 1, Reason: string(o), Figures: []Figure{{Name: "p50", Value: v, Unit: "ns", Better: Lower}}}
	}
	got := Merge([]Test{round(Pass, 1), round(Fail, 9), round(Pass, 2)})
	if got.Outcome != Fail || got.Reason != "fail" || got.Rounds != 3 || got.Failed != 1 || got.Seconds != 3 {
		t.Errorf("merged: %+v", got)
	}
	if f := got.Figures[0]; f.Value != 2 || f.Worst != 9 {
		t.Errorf("merged figure: %+v, want median 2, worst 9", f)
	}
}

func TestCompare(t *testing.T) {
	before, now := example(), example()
	now.Tests[0].Outcome = Fail                 // worse
	now.Tests[1].Outcome = Pass                 // better
	now.Tests[3].Figures[0].Value = 15000 * 2   // worse
	now.Tests[3].Figures[1].Value = 7923456 / 2 // worse: higher is better
	now.Tests[0].Figures[0].Value *= 1.1        // within tolerance
	var out bytes.Buffer
	worse, err := PrintChanges(&out, before, now, Compare(before, now, 0.3), false, false)
	if err != nil {
		t.Fatal(err)
	}
	const want = `        TEST                    FIGURE  Raspberry Pi 5 Model B 05-04 03:02  Raspberry Pi 5 Model B 05-04 03:02
worse   futex/timeout                                                 pass                                fail
better  stress/cores/buffers=1                                        fail                                pass
worse   latency/idle            p50                                  15 µs                               30 µs  +100%
worse   latency/idle            writes                            7.92 M/s                            3.96 M/s   -50%
5 compared, 3 worse, 1 better
`
	if worse != 3 || out.String() != want {
		t.Errorf("%d worse:\n%s\nwant:\n%s", worse, out.String(), want)
	}
	for _, c := range Compare(before, before, 0) {
		if c.Verdict != Same {
			t.Errorf("a report compared with itself: %+v", c)
		}
	}
}
