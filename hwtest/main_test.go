package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tism-go/tism/hwtest/internal/checks"
	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

// The test binary plays the suite's roles, as hwtest does.
func TestMain(m *testing.M) {
	suite.Serve(append(append(checks.All(), checks.Probe), broken...)...)
	proc.Play()
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = execute(args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func onLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
}

// A part of the suite, with the quickest tests of each kind that does not need time.
func TestRun(t *testing.T) {
	onLinux(t)
	dir := t.TempDir()
	t.Setenv("TISM_DIR", dir)
	junit := filepath.Join(t.TempDir(), "junit.xml")
	status, out, errs := command(t, "--quick", "--json", "-", "--junit", junit, "--run", "^(futex/(mismatch|wake-counts|processes)|locks|memfd|layout|stop|stress/cores/buffers=4)")
	if status != 0 {
		t.Fatalf("exit status %d: %s\n%s", status, errs, out)
	}
	var r report.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if r.Summary.Fail != 0 || r.Summary.Pass < 11 || len(r.Tests) != r.Summary.Pass+r.Summary.Skip {
		t.Errorf("summary: %+v of %d tests", r.Summary, len(r.Tests))
	}
	if r.Board.Kernel == "" || r.Board.PageSize != os.Getpagesize() || r.Suite.Mode != "quick" || r.Suite.Seconds <= 0 {
		t.Errorf("board or suite is not told: %+v %+v", r.Board, r.Suite)
	}
	if text, err := os.ReadFile(junit); err != nil || !strings.Contains(string(text), `classname="hwtest.locks"`) {
		t.Errorf("JUnit: %v\n%s", err, text)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("the run left %v", left)
	}
}

// What is measured adds up, and programs of the other word size are really tried.
func TestFigures(t *testing.T) {
	onLinux(t)
	args := []string{"--quick", "--json", "-", "--run", "^(futex/waitv|latency/idle|cost|mixed)"}
	mixed := runtime.GOARCH == "amd64"
	if mixed {
		narrow := filepath.Join(t.TempDir(), "hwtest-386")
		build := exec.Command("go", "build", "-o", narrow, ".")
		build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building the peer: %v\n%s", err, out)
		}
		mixed = exec.Command(narrow, "--list").Run() == nil // this kernel may lack 32-bit programs
		args = append(args, "--peer", narrow)
	}
	t.Setenv("TISM_DIR", t.TempDir())
	status, out, errs := command(t, args...)
	var r report.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 {
		t.Fatalf("exit status %d: %v %s\n%s", status, err, errs, out)
	}
	idle, _ := r.Find("latency/idle")
	figure := map[string]float64{}
	for _, f := range idle.Figures {
		figure[f.Name] = f.Value
	}
	bars := uint64(0)
	for _, b := range idle.Bars {
		bars += b.Count
	}
	if n := figure["wake-ups"]; n < 20 || n != float64(bars) {
		t.Errorf("%v wake-ups, %d of them in the histogram", n, bars)
	}
	if p := []float64{0, figure["p50"], figure["p99"], figure["p99.9"], figure["max"]}; !slices.IsSorted(p) || figure["p50"] == 0 {
		t.Errorf("quantiles %v", p[1:])
	}
	if m, _ := r.Find("mixed/word-sizes"); mixed && m.Outcome != report.Pass {
		t.Errorf("mixed/word-sizes: %s %s", m.Outcome, m.Reason)
	}
}

// Tests that fail, panic, die and hang.
var broken = []suite.Test{
	{Name: "broken/fails", Run: func(t *suite.T) { t.Errorf("first"); t.Fatalf("second") }},
	{Name: "broken/panics", Run: func(*suite.T) { panic("at the disco") }},
	{Name: "broken/dies", Run: func(*suite.T) { os.Exit(3) }},
	{Name: "broken/crashes", Run: func(*suite.T) { go panic("elsewhere"); select {} }},
	{Name: "broken/skips after failing", Run: func(t *suite.T) { t.Errorf("first"); t.Skipf("not so") }},
}

func TestBroken(t *testing.T) {
	onLinux(t)
	want := []string{"first\nsecond", "panic: at the disco", "exit status 3", "panic: elsewhere", "first"}
	for i, test := range broken {
		got := suite.Run(test, suite.Settings{Dir: t.TempDir(), Scale: 1})
		if got.Outcome != report.Fail || !strings.Contains(got.Reason, want[i]) || got.Name != test.Name {
			t.Errorf("%s: %s %q, want a failure that says %q", test.Name, got.Outcome, got.Reason, want[i])
		}
	}
}

func TestUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.json")
	tests := []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--quick", "--soak", "1h"}, 2, "exclude each other"},
		{[]string{"--soak", "-1s"}, 2, "must be positive"},
		{[]string{"--run", "("}, 2, "--run"},
		{[]string{"--tap", "--json", "-"}, 2, "only one"},
		{[]string{"--nonsense"}, 2, "unknown flag"},
		{[]string{"nonsense"}, 2, "unknown command"},
		{[]string{"compare", "one"}, 2, "accepts 2 arg"},
		{[]string{"compare", "--tolerance", "-1", "a", "b"}, 2, "must not be negative"},
		{[]string{"compare", missing, missing}, 1, "missing.json"},
		{[]string{"ssh"}, 2, "requires at least 1 arg"},
		{[]string{"ssh", "a", "b"}, 2, "one host"},
		{[]string{"ssh", "--ssh", "", "a"}, 2, "--ssh"},
	}
	for _, test := range tests {
		status, _, errs := command(t, test.args...)
		if status != test.status || !strings.Contains(errs, test.says) {
			t.Errorf("hwtest %q: exit status %d, %q; want %d and %q", test.args, status, errs, test.status, test.says)
		}
	}
}

// A report that cannot be written is told before the tests run, which may take hours.
func TestUnwritableReport(t *testing.T) {
	onLinux(t)
	for _, flag := range []string{"--json", "--junit"} {
		status, out, errs := command(t, flag, filepath.Join(t.TempDir(), "none", "report"), "--run", "^layout/portable$")
		if status != 1 || !strings.Contains(errs, "writing the report") || out != "" {
			t.Errorf("%s: exit status %d, %q, and it printed %q", flag, status, errs, out)
		}
	}
}

// A test that none matches is a mistake in the command line, not a pass.
func TestNoSuchTest(t *testing.T) {
	onLinux(t)
	status, _, errs := command(t, "--run", "nonsense")
	if status != 2 || !strings.Contains(errs, "no test has such a name") {
		t.Errorf("exit status %d, %q", status, errs)
	}
}

func TestList(t *testing.T) {
	onLinux(t)
	status, out, _ := command(t, "--list")
	names := map[string]bool{}
	for _, test := range checks.All() {
		if !strings.Contains(out, test.Name) || test.About == "" || names[test.Name] {
			t.Errorf("%s: not listed, or without a word about it, or twice", test.Name)
		}
		names[test.Name] = true
	}
	if status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// docs/HWTEST.md says of every test what it means.
func TestDocs(t *testing.T) {
	onLinux(t)
	page, err := os.ReadFile("../docs/HWTEST.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range checks.All() {
		name, _, _ := strings.Cut(test.Name, "/buffers=")
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/HWTEST.md does not mention %s", name)
		}
	}
}
