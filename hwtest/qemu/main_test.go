package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
	"github.com/tism-go/tism/hwtest/qemu/internal/machine"
)

func TestBadCommandLinesSayWhatToDo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: elsewhere every command line is refused")
	}
	for _, test := range []struct{ args, want string }{
		{"pi9", "did you mean"},
		{"pi4/32k", "it has pi4/user, pi4/virt, pi4/rt"},
		{"--all pi4", "choose one"},
		{"--user --system", "exclude each other"},
		{"amd64", "go test ./..."},
		{"--run nonsense pi4", `"futex"`},
		{"--nonsense", "--help"},
		{"kernels nonsense", "cloud-arm64"},
		{"exec pi4 -- /nowhere", "/nowhere"},
		{"exec pi4", "which program"},
		{"exec pi99 -- /nowhere", "did you mean"},
		{"--logs /proc/none pi4/user", "--logs DIR"},
	} {
		var out, mistakes bytes.Buffer
		if code := execute(context.Background(), strings.Fields(test.args), &out, &mistakes); code != 2 || !strings.Contains(mistakes.String(), test.want) {
			t.Errorf("qemu %s: exit %d, %q, want 2 and %q", test.args, code, mistakes.String(), test.want)
		}
	}
}

// What is missing is said before anything is built, with what mends it, and is not a failed test.
func TestMissing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	run := func(args ...string) (int, string) {
		var out bytes.Buffer
		return execute(context.Background(), append(args, "--logs", t.TempDir(), "--run", "futex"), &out, &out), out.String()
	}
	t.Run("kernel", func(t *testing.T) {
		for _, tool := range []string{"qemu-system-aarch64", "apt-get"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip("needs " + tool)
			}
		}
		for _, proxy := range []string{"http_proxy", "https_proxy"} {
			t.Setenv(proxy, "http://127.0.0.1:9") // discard: nobody listens
		}
		code, out := run("--cache", t.TempDir(), "--mirror", "http://127.0.0.1:9/debian", "arm64/virt")
		if code != 2 || !strings.Contains(out, "--mirror URL") || strings.Contains(out, "goroutine") {
			t.Errorf("exit %d, want 2 and what to do:\n%s", code, out)
		}
	})
	t.Run("emulator", func(t *testing.T) {
		goTool, err := exec.LookPath("go")
		if err != nil {
			t.Skip("needs Go")
		}
		t.Setenv("PATH", filepath.Dir(goTool))
		if _, err := exec.LookPath("qemu-aarch64-static"); err == nil {
			t.Skip("needs Go in a directory of its own")
		}
		for machine, want := range map[string]string{"pi4/user": "apt-get install qemu-user-static", "arm64/virt": "apt-get install qemu-system-arm"} {
			if code, out := run("--cache", t.TempDir(), machine); code != 2 || !strings.Contains(out, want) || strings.Count(out, "not run") != 1 {
				t.Errorf("%s: exit %d, want 2 and %q:\n%s", machine, code, want, out)
			}
		}
	})
}

// An interrupted run says so, and calls nothing failed that it has killed itself.
func TestInterrupted(t *testing.T) {
	needsUser(t, mustFind("pi4"))
	wrote := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out := &watched{until: "=== RUN", found: wrote}
	go func() {
		<-wrote
		cancel()
	}()
	r := row{target: mustFind("pi4"), build: mustFind("pi4")}
	b, err := newBuilder()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	path, err := b.test(ctx, r.build, "./codec")
	if err != nil {
		t.Fatal(err)
	}
	m := &matrix{builder: b, show: newProgress(io.Discard, 1), timeout: defaultTimeout}
	cells := map[string]cell{}
	err = m.emulate(ctx, r, []machine.Program{{Name: "codec.test", Path: path, Dir: "codec", Args: []string{"-test.v"}, Timeout: time.Minute}}, out, cells)
	if !errors.Is(err, context.Canceled) || len(cells) != 0 {
		t.Errorf("emulate = %v, cells %v, want none that was judged", err, cells)
	}
	m.logs = t.TempDir()
	if o := m.try(ctx, negatives()[0], nil, ""); o.err == nil || len(o.cells) != 0 {
		t.Errorf("%s: %v, cells %v, want none", o.row.name(), o.err, o.cells)
	}
	var text bytes.Buffer
	if code := execute(ctx, []string{"--logs", t.TempDir(), "pi4/user"}, &text, &text); code != 2 || !strings.Contains(text.String(), "FAILED: pi4/user: interrupted") || strings.Contains(text.String(), "killed") {
		t.Errorf("exit %d:\n%s", code, text.String())
	}
}

// watched tells when something was written to it.
type watched struct {
	text  []byte
	until string
	found chan struct{}
}

func (w *watched) Write(b []byte) (int, error) {
	w.text = append(w.text, b...)
	if bytes.Contains(w.text, []byte(w.until)) {
		select {
		case w.found <- struct{}{}:
		default:
		}
	}
	return len(b), nil
}

func TestFullLogIsNoFailedTest(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	log := &logWriter{to: full}
	for range 2 {
		if n, err := log.Write([]byte("line\n")); n != 5 || err != nil {
			t.Errorf("Write = %d, %v: the program that is logged would end", n, err)
		}
	}
	if !errors.Is(log.err, syscall.ENOSPC) || !strings.Contains(log.err.Error(), "--logs DIR") {
		t.Errorf("the log says %v, want ENOSPC and what to do", log.err)
	}
}

func TestJudged(t *testing.T) {
	failed, passed := map[string]cell{"shm": {failed: true}}, map[string]cell{"shm": {passed: 1}}
	missing := fmt.Errorf("a kernel: %w", kernels.ErrMissing)
	for _, test := range []struct {
		o    outcome
		want bool
	}{
		{outcome{cells: passed}, false},
		{outcome{cells: failed}, true},
		{outcome{err: missing}, false},
		{outcome{cells: failed, err: missing}, true},
		{outcome{cells: passed, err: machine.ErrHung}, true},
	} {
		if got := test.o.judged(); got != test.want {
			t.Errorf("%v, %v: judged is %v", test.o.cells, test.o.err, got)
		}
	}
}

func TestExecRefusesAProgramOfAnotherArchitecture(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("needs linux/amd64: it passes this test itself off as an ARM program")
	}
	if err := suits("/proc/self/exe", "arm64"); err == nil || !strings.Contains(err.Error(), "GOARCH=arm64") {
		t.Errorf("suits = %v", err)
	}
}

func TestTheOrdinaryMachinesExist(t *testing.T) {
	rows, err := choose(nil, false, false, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := len(ordinary) + len(negatives()); len(rows) != want {
		t.Errorf("%d rows, want %d", len(rows), want)
	}
	all, err := choose(nil, true, false, false)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, r := range all {
		if kinds[r.kind()] {
			t.Errorf("%s is a machine that --all has already: %s", r.name(), r.kind())
		}
		kinds[r.kind()] = true
	}
	for _, r := range rows {
		if !kinds[r.kind()] {
			t.Errorf("--all lacks %s", r.name())
		}
	}
	user, err := choose(nil, true, true, false)
	if err != nil || slices.ContainsFunc(user, func(r row) bool { return r.system != nil }) {
		t.Errorf("--user boots kernels: %v", err)
	}
}

func TestJudge(t *testing.T) {
	const passed = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/x (0.00s)\n"
	for _, test := range []struct {
		text   string
		result machine.Result
		want   string
		failed bool
	}{
		{passed + "PASS\n", machine.Result{}, "2 ok", false},
		{passed + "--- SKIP: TestB (0.00s)\n    b_test.go:36: needs root\nPASS\n", machine.Result{}, "2 ok, 1 skip", false},
		{passed + "--- FAIL: TestC (0.00s)\nFAIL\n", machine.Result{Code: 1}, "FAIL 1 of 3", true},
		{passed + "--- FAIL: TestC (0.00s)\n", machine.Result{}, "FAIL 1, but exit 0", true},
		{passed + "panic: x\n", machine.Result{Code: 2}, "FAIL, exit 2", true},
		{passed, machine.Result{Code: 131, Late: true}, "TIME UP", true},
		{"PASS\n", machine.Result{}, "FAIL, no test", true},
		{"1..2\nok 1 - futex\nok 2 - rt # SKIP needs root\n", machine.Result{}, "1 ok, 1 skip", false},
		{"1..2\nok 1 - futex\nnot ok 2 - torn\n", machine.Result{Code: 1}, "FAIL 1 of 2", true},
	} {
		c := judge(cell{}, test.result, test.text)
		if c.String() != test.want || c.failed != test.failed {
			t.Errorf("judge(%q, %+v) = %q, %v, want %q, %v", test.text, test.result, c, c.failed, test.want, test.failed)
		}
	}
	if c := judge(judge(cell{}, machine.Result{}, passed), machine.Result{}, "PASS\n"); !c.failed {
		t.Error("a second program without a test passes on the first one's")
	}
	c := judge(cell{}, machine.Result{}, "--- PASS: TestA (0s)\n=== RUN   TestB\n    b_test.go:36: needs root\n--- SKIP: TestB (0.00s)\n")
	if want := []string{"TestB: needs root"}; !slices.Equal(c.skips, want) {
		t.Errorf("skips %q, want %q", c.skips, want)
	}
}

func TestJudgeRefusal(t *testing.T) {
	signs := []string{"GOARM"}
	for _, test := range []struct {
		result machine.Result
		text   string
		failed bool
	}{
		{machine.Result{Code: 132}, "", false},
		{machine.Result{Code: 1}, "this CPU can't run this GOARM=7 binary", false},
		{machine.Result{Code: 0}, "PASS", true},
		{machine.Result{Code: 1}, "FAIL", true},
		{machine.Result{Code: 132, Late: true}, "", true},
	} {
		if c := judgeRefusal(test.result, test.text, signs); c.failed != test.failed {
			t.Errorf("judgeRefusal(%+v, %q) = %v", test.result, test.text, c)
		}
	}
}

func TestTable(t *testing.T) {
	skip := cell{passed: 3, skipped: 1, skips: []string{"TestPtrace: qemu-user has no ptrace"}}
	rows := rowsOf(mustFind("pi4"))
	var out bytes.Buffer
	failed := printTable(&out, []string{"futex", "shm", "mixed"}, []outcome{
		{row: rows[0], cells: map[string]cell{"futex": {passed: 15}, "shm": skip}, took: 61 * time.Second},
		{row: rows[1], cells: map[string]cell{"futex": {failed: true, lost: 1, passed: 14, failures: []string{"TestWait"}}}, kernel: "6.1", err: errors.New("hangs"), again: true, log: "a.log"},
		{row: negatives()[0], cells: map[string]cell{"futex": {passed: 1, why: "refused"}}},
	})
	want := `
MACHINE   KERNEL    FUTEX         SHM           TIME
pi4/user  (host's)  15 ok         3 ok, 1 skip  61 s
pi4/virt  6.1       FAIL 1 of 15  not run       0 s
jetson-nano/user refuses arm64-v8.0+lse: refused
skipped: TestPtrace: qemu-user has no ptrace (pi4/user)
pi4/virt: the emulator hung once and was started again
FAILED: pi4/virt: futex: FAIL 1 of 15 TestWait (a.log)
FAILED: pi4/virt: hangs (a.log)
3 machines, 1 failed
`
	if out.String() != want || failed != 1 {
		t.Errorf("%d failed:\n%s\nwant:\n%s", failed, out.String(), want)
	}
	out.Reset()
	printTable(&out, []string{"futex", "shm", "mixed"}, []outcome{{row: rows[0], cells: map[string]cell{"futex": {passed: 15}, "shm": skip}}})
	const narrow = `
MACHINE   FUTEX  SHM           TIME
pi4/user  15 ok  3 ok, 1 skip  0 s
skipped: TestPtrace: qemu-user has no ptrace (pi4/user)
1 machines, 0 failed
`
	if out.String() != narrow {
		t.Errorf("without kernels:\n%s\nwant:\n%s", out.String(), narrow)
	}
}

func TestSkipsOfAllMachinesAreToldOnce(t *testing.T) {
	skip := func(names ...string) map[string]cell { return map[string]cell{"shm": {skips: names}} }
	pi4, pi5 := rowsOf(mustFind("pi4"))[0], rowsOf(mustFind("pi5"))[0]
	var out bytes.Buffer
	printSkips(&out, []outcome{
		{row: pi4, cells: skip("TestA: one CPU", "TestB: no kernel")},
		{row: pi5, cells: skip("TestA: one CPU")},
	})
	if got, want := out.String(), "skipped: TestA: one CPU (everywhere)\nskipped: TestB: no kernel (pi4/user)\n"; got != want {
		t.Errorf("skips:\n%swant:\n%s", got, want)
	}
}

func TestWithoutATerminalEachEventIsALine(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 2)
	p.row(0, "pi4/user")
	p.job("futex")
	p.ended("futex", cell{passed: 3, took: time.Second})
	p.clear()
	if got, want := out.String(), "[1/2] pi4/user  futex: 3 ok (1.0 s)\n"; got != want {
		t.Errorf("progress prints %q, want %q", got, want)
	}
}
