//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// asCommand makes the test binary, and the processes that it starts of itself, the
// tism command.
const asCommand = "TISM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is the tism command in a process of its own, with topics in dir.
func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "TISM_DIR="+dir)
	// What hangs is killed, and says where it hung.
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Signal(os.Kill) })
	t.Cleanup(func() { timer.Stop() })
	return cmd
}

// tism runs a command line in this process.
func tism(args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = execute(args, &out, &errs)
	return out.String(), errs.String(), status
}

// mustTism is tism for a command line that has to succeed.
func mustTism(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := tism(args...)
	if status != 0 || errs != "" {
		t.Fatalf("tism %s = status %d, %s", strings.Join(args, " "), status, errs)
	}
	return out
}

// topicDir is an empty directory that the process uses for topics.
func topicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TISM_DIR", dir)
	return dir
}

// closing closes a handle at the end of the test.
func closing[H interface{ Close() error }](t *testing.T, h H, err error) H {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

type pose struct {
	TimeUS uint64
	Q      [4]float32
	Grid   [2][3]int16
	Zeros  [40]uint8
	Label  [12]byte
	OK     bool
	_      [7]byte
	Big    float64
}

func createPose(t *testing.T, name string, opts ...shm.Option) *shm.Publisher[pose] {
	t.Helper()
	p := pose{TimeUS: 1 << 63, Q: [4]float32{0.5, -1, 0, 1e-9}, Grid: [2][3]int16{{1, 2, 3}, {-4, 5, 6}}, OK: true, Big: 442753813}
	copy(p.Label[:], "body")
	pub, err := shm.Create(name, p, opts...)
	return closing(t, pub, err)
}

// masks replace what differs from run to run.
var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[\w.-]+ \(PID \d+\)`), "CMD (PID N)"},
	{regexp.MustCompile(`[\d.]+ (ns|µs|ms|s)\b`), "T"},
	{regexp.MustCompile(`[\d.]+ kB`), "M"},
	{regexp.MustCompile(`(version differs): .*`), "$1: WHY"},
	{regexp.MustCompile(`uid \d+`), "uid N"},
	{regexp.MustCompile(`/\S*/00\d`), "DIR"},
	{regexp.MustCompile(` {2,}`), "  "}, // the columns have other widths then
}

func masked(s string) string {
	for _, m := range masks {
		s = m.pattern.ReplaceAllString(s, m.with)
	}
	return s
}

func checkText(t *testing.T, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got = masked(got); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestUsage(t *testing.T) {
	topicDir(t)
	tests := []struct {
		args   string
		status int
		says   string
	}{
		{"", 0, ""},
		{"help", 0, ""},
		{"--version", 0, ""},
		{"ls", 0, ""},
		{"nonsense", 2, `unknown command "nonsense"`},
		{"ls extra", 2, "unknown command"},
		{"ls --nonsense", 2, "unknown flag: --nonsense"},
		{"info", 2, "accepts 1 arg(s)"},
		{"info a b", 2, "accepts 1 arg(s)"},
		{"info a/b", 2, "bad topic name: it contains '/'"},
		{"info .hidden", 2, "bad topic name: it begins with a dot"},
		{"info nobody", 1, `open topic "nobody": no such file`},
		{"info nobody --watch", 1, `open topic "nobody": no such file`},
		{"rm", 2, "requires at least 1 arg(s)"},
		{"rm nobody", 1, `remove topic "nobody": no such file`},
		{"demo --duration 10ms", 2, "--duration 10ms: at least 1s"},
		{"demo --duration soon", 2, "invalid argument"},
		{"demo --rate 0", 2, "--rate 0: 1 to 1000"},
		{"demo --rate 1001", 2, "--rate 1001: 1 to 1000"},
		{"demo-part board", 1, "demo-part is started by tism demo"},
		{"demo-part nobody --run x --rate 1", 1, `role "nobody"`},
	}
	for _, test := range tests {
		_, errs, status := tism(strings.Fields(test.args)...)
		if status != test.status || !strings.Contains(errs, test.says) || (status == 0) != (errs == "") {
			t.Errorf("tism %s = status %d, %q; want %d, %q", test.args, status, errs, test.status, test.says)
		}
		if hint := strings.Contains(errs, "--help' for usage"); hint != (status == 2) {
			t.Errorf("tism %s = status %d with usage hint: %t", test.args, status, hint)
		}
	}
}

func TestHelpNamesEverything(t *testing.T) {
	help := mustTism(t, "help")
	for _, word := range []string{"demo", "ls", "info", "rm", "completion", "TISM_DIR", "Exit status"} {
		if !strings.Contains(help, word) {
			t.Errorf("help does not mention %s:\n%s", word, help)
		}
	}
	if strings.Contains(help, "demo-part") {
		t.Error("help shows the hidden command")
	}
	if help := mustTism(t, "demo", "--help"); !strings.Contains(help, "TISM_EXEC_PREFIX") {
		t.Errorf("demo --help does not mention TISM_EXEC_PREFIX:\n%s", help)
	}
}

func TestCompletion(t *testing.T) {
	topicDir(t)
	createPose(t, "attitude")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if script := mustTism(t, "completion", shell); !strings.Contains(script, "tism") {
			t.Errorf("completion %s = %q", shell, script)
		}
	}
	for _, cmd := range []string{"info", "rm"} {
		out, _, _ := tism("__complete", cmd, "")
		if !strings.HasPrefix(out, "attitude\tpose (104 B)\n") {
			t.Errorf("completions of %s: %q", cmd, out)
		}
	}
	if out, _, _ := tism("__complete", "info", "attitude", ""); strings.Contains(out, "attitude") {
		t.Errorf("completions of a second argument of info: %q", out)
	}
}

// TestOneDash: a long flag may have one dash, as in Go's own tools; shorthands stay what they are.
func TestOneDash(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"demo -duration 5s", "demo --duration 5s"},
		{"demo -duration=5s -plain", "demo --duration=5s --plain"},
		{"demo -d5s", "demo -d5s"},
		{"demo -d 5s", "demo -d 5s"},
		{"demo --duration 5s", "demo --duration 5s"},
		{"-help", "--help"},
		{"ls -json", "ls --json"},
		{"ls -nonsense", "ls -nonsense"},
		{"info -- -json", "info -- -json"},
		{"nonsense -duration 5s", "nonsense -duration 5s"},
	} {
		root := newRoot(new(bool))
		if got := strings.Join(doubleDashes(root, strings.Fields(tt.in)), " "); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.in, got, tt.want)
		}
	}
	if _, errs, status := tism("demo", "-duration", "1ms"); status != 2 || !strings.Contains(errs, "--duration 1ms: at least 1s") {
		t.Errorf("demo -duration 1ms = status %d, %s", status, errs)
	}
}
