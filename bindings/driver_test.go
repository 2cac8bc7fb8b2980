//go:build linux

package bindings_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A language is a peer program in it.
type language struct {
	name    string
	command func(testing.TB) []string // skips the test where there is no such program
	oneCPU  bool
}

var goLanguage = language{name: "go", command: func(t testing.TB) []string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return []string{self}
}}

// inC is C, built one way. QEMU 7.2 on x86 lets a load (LDAR) pass an earlier store (STLR) of
// an emulated arm64 program, which the CPU must not, and then nobody excludes anybody. On a
// single CPU that cannot be seen.
func inC(tc toolchain) language {
	return language{
		name:    tc.name,
		command: func(t testing.TB) []string { return tc.program(t, "peer.c") },
		oneCPU:  tc.run != "",
	}
}

// variants are languages built in other ways.
func variants() (list []language) {
	for _, tc := range toolchains {
		list = append(list, inC(tc))
	}
	for _, rt := range rustTargets {
		list = append(list, inRustFor(rt))
	}
	return list
}

// A pair is a publisher and a consumer.
type pair struct{ pub, sub language }

// languages are those that the tests know.
var languages = []language{
	goLanguage,
	inC(native),
	inPython,
	inRust,
}

// pairs are all of the languages in both directions; other ways to build one, and other
// machines, with Go alone.
func pairs() (list []pair) {
	for _, p := range languages {
		for _, s := range languages {
			list = append(list, pair{p, s})
		}
	}
	for _, there := range variants() {
		here := goLanguage
		here.oneCPU = there.oneCPU
		list = append(list, pair{here, there}, pair{there, here})
	}
	return list
}

// forPairs runs a test for each pair, with a directory of its own.
func forPairs(t *testing.T, f func(t *testing.T, p pair, dir string)) {
	t.Parallel()
	for _, p := range pairs() {
		t.Run(p.pub.name+" to "+p.sub.name, func(t *testing.T) {
			t.Parallel()
			f(t, p, t.TempDir())
		})
	}
}

// A process is a running peer.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

// start runs a peer, with a socket as its descriptor 3 if that is not nil.
func (l language) start(t *testing.T, dir string, socket *os.File) *process {
	t.Helper()
	argv := l.command(t)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "TISM_DIR="+dir, "TISM_TEST_PEER=1")
	cmd.Stderr = os.Stderr
	// A test that is killed takes its peers along.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if socket != nil {
		cmd.ExtraFiles = []*os.File{socket}
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := cmd.Start
	if l.oneCPU {
		start = func() error { return onOneCPU(cmd.Start) }
	}
	if err := start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: l.name, cmd: cmd, in: in, lines: make(chan string, 1)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

// onOneCPU calls f on a thread that may use one CPU only, which its children inherit.
func onOneCPU(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	return errors.Join(f(), unix.SchedSetaffinity(0, &all))
}

// send gives a command without waiting for the answer.
func (p *process) send(format string, args ...any) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// answer waits for one.
func (p *process) answer() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%s ended", p.name)
		}
		return line
	case <-time.After(3 * time.Minute):
		p.t.Fatalf("%s does not answer", p.name)
	}
	return ""
}

func (p *process) ask(format string, args ...any) string {
	p.t.Helper()
	p.send(format, args...)
	return p.answer()
}

// want gives a command and fails the test unless the answer is this one.
func (p *process) want(answer, format string, args ...any) {
	p.t.Helper()
	command := fmt.Sprintf(format, args...)
	if got := p.ask("%s", command); got != answer {
		p.t.Fatalf("%s: %s: %q, want %q", p.name, command, got, answer)
	}
}

func (p *process) ok(format string, args ...any) {
	p.t.Helper()
	p.want("ok", format, args...)
}

// kill ends the peer as nothing else can.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		for range p.lines { // until its end of the pipe is closed
		}
		_ = p.cmd.Wait()
	}
}

// end lets the peer end by itself, which must not be an error: a sanitizer may say so.
func (p *process) end() {
	p.t.Helper()
	_ = p.in.Close()
	for line := range p.lines {
		p.t.Errorf("%s: %q after the last command", p.name, line)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s: %v", p.name, err)
	}
}

// count returns the number in "ok N".
func (p *process) count() uint64 {
	p.t.Helper()
	var n uint64
	line := p.answer()
	if _, err := fmt.Sscanf(line, "ok %d", &n); err != nil {
		p.t.Fatalf("%s: %q", p.name, line)
	}
	return n
}

func socketPair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}
