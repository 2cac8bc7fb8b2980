//go:build linux

package shm_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// The cross-process tests start this test binary again, in a role: a function that is
// registered in helpers. Parent and child talk in lines over the child's standard input
// and output. A child ends when its input does, so it never outlives its parent; the
// kernel kills it with its parent besides.

const (
	roleVariable = "TISM_TEST_ROLE"
	// prefixVariable holds words to put before the child's command line, for an
	// emulator that cannot exec its guest by itself (qemu-user).
	prefixVariable = "TISM_EXEC_PREFIX"
	seedVariable   = "TISM_TEST_SEED"

	// patience is how long the tests wait for what must come.
	patience = time.Minute
)

// helpers are the roles by name.
var helpers = map[string]func(*actor){}

// An actor is what a role gets: its arguments, its line to the parent, and a testing.TB
// for the functions that tests use.
type actor struct {
	testing.TB // nil: only what is overridden below works
	args       []string
	lines      chan string // from the parent; closed at the end of input
	over       atomic.Bool // the input has ended: come to an end
	failed     bool
	cleanups   []func()
}

// play runs a role and ends the process.
func play(role string) {
	run, ok := helpers[role]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", role)
		os.Exit(2)
	}
	a := &actor{args: os.Args[1:], lines: make(chan string)}
	go a.listen()
	run(a)
	a.exit()
}

func (a *actor) listen() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		a.lines <- in.Text()
	}
	a.over.Store(true)
	close(a.lines)
}

func (a *actor) exit() {
	for _, f := range slices.Backward(a.cleanups) {
		f()
	}
	if a.failed {
		os.Exit(1)
	}
	os.Exit(0)
}

// hear returns the parent's next line, and ends the process when there is none.
func (a *actor) hear() string {
	line, ok := <-a.lines
	if !ok {
		a.exit()
	}
	return line
}

// say tells the parent a line.
func (a *actor) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// number is argument i as a number.
func (a *actor) number(i int) int {
	n, err := strconv.Atoi(a.args[i])
	must(a, err)
	return n
}

func (a *actor) Helper()                  {}
func (a *actor) Context() context.Context { return context.Background() }
func (a *actor) Cleanup(f func())         { a.cleanups = append(a.cleanups, f) }
func (a *actor) Fatal(args ...any)        { a.Error(args...); os.Exit(1) }
func (a *actor) Error(args ...any)        { a.failed = true; fmt.Fprintln(os.Stderr, args...) }

func (a *actor) Fatalf(format string, args ...any) { a.Fatal(fmt.Sprintf(format, args...)) }
func (a *actor) Errorf(format string, args ...any) { a.Error(fmt.Sprintf(format, args...)) }

// A child is a process that plays a role.
type child struct {
	t      testing.TB
	role   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string // of its output; closed at the end
	stderr bytes.Buffer
	wait   func() error // for its end
}

// spawn starts a child that ends with the test at the latest.
func spawn(t testing.TB, role string, args ...any) *child {
	t.Helper()
	c, err := trySpawn(t, func(*exec.Cmd) {}, role, args...)
	if err != nil {
		t.Fatalf("starting %s: %v", role, err)
	}
	return c
}

// trySpawn is spawn that lets prepare change the command, and may fail.
func trySpawn(t testing.TB, prepare func(*exec.Cmd), role string, args ...any) (*child, error) {
	t.Helper()
	words := append(strings.Fields(os.Getenv(prefixVariable)), self(t))
	for _, a := range args {
		words = append(words, fmt.Sprint(a))
	}
	c := &child{t: t, role: role, cmd: exec.Command(words[0], words[1:]...), lines: make(chan string, 1000)}
	// atexit_sleep_ms: the race detector would else hold each child for a second.
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.cmd.Stderr = &c.stderr
	prepare(c.cmd)
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.in = in
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(c.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			c.lines <- scan.Text()
		}
	}()
	c.wait = sync.OnceValue(func() error {
		<-read
		return c.cmd.Wait()
	})
	t.Cleanup(c.kill)
	return c, nil
}

func self(t testing.TB) string {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// send tells the child a line. A child that is gone is found out by whoever hears.
func (c *child) send(format string, args ...any) {
	_, _ = fmt.Fprintf(c.in, format+"\n", args...)
}

// hear returns the child's next line.
func (c *child) hear() string {
	c.t.Helper()
	select {
	case line, ok := <-c.lines:
		if !ok {
			c.t.Fatalf("%s has ended: %v\n%s", c.role, c.wait(), c.stderr.String())
		}
		return line
	case <-time.After(patience):
		c.abort()
		c.t.Fatalf("%s says nothing for %v\n%s", c.role, patience, c.stderr.String())
	}
	panic("not reached")
}

// abort ends a child that hangs with a dump of its goroutines.
func (c *child) abort() {
	_ = c.cmd.Process.Signal(syscall.SIGCONT)
	_ = c.cmd.Process.Signal(syscall.SIGQUIT)
	ended := make(chan struct{})
	go func() {
		_ = c.wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(patience):
		c.kill()
	}
}

// hearf reads the child's next line as fmt.Sscanf does.
func (c *child) hearf(format string, into ...any) {
	c.t.Helper()
	line := c.hear()
	if _, err := fmt.Sscanf(line, format, into...); err != nil {
		c.t.Fatalf("%s says %q, want %q: %v", c.role, line, format, err)
	}
}

// expect insists on the child's next line.
func (c *child) expect(want string) {
	c.t.Helper()
	if got := c.hear(); got != want {
		c.t.Fatalf("%s says %q, want %q", c.role, got, want)
	}
}

// end ends the child's input, as a sign to come to an end.
func (c *child) end() { _ = c.in.Close() }

// finish ends the child and insists that all was well.
func (c *child) finish() {
	c.t.Helper()
	c.end()
	timer := time.AfterFunc(patience, c.abort)
	defer timer.Stop()
	for range c.lines { // what was not asked for
	}
	if err := c.wait(); err != nil {
		c.t.Fatalf("%s ended with %v\n%s", c.role, err, c.stderr.String())
	}
}

// kill ends the child with SIGKILL and returns when it is gone.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	c.end()
	for range c.lines {
	}
	_ = c.wait()
}

// stopped waits until the child is stopped by SIGSTOP.
func (c *child) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "the child stops", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
		if err != nil {
			c.t.Fatal(err)
		}
		_, after, _ := bytes.Cut(text, []byte(") ")) // the command's name
		return bytes.HasPrefix(after, []byte("T"))
	})
}

func (c *child) carryOn() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("waited for %v until %s", patience, what)
		}
	}
}

// random returns a generator whose seed is printed, and taken from the environment to
// repeat a run.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d repeats these random choices", seedVariable, seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// pause sleeps for a random time of up to most: it decides when a victim is killed, not
// whether a test passes.
func pause(r *rand.Rand, most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }

// times is n, or much less with -short.
func times(n int) int {
	if testing.Short() {
		return max(1, n/20)
	}
	return n
}

// reason is the sentinel behind an error of the library, for a child to tell.
func reason(err error) string {
	for name, target := range map[string]error{
		"replaced": shm.ErrReplaced, "closed": shm.ErrClosed, "torn": shm.ErrTorn, "timeout": shm.ErrTimeout,
		"live": shm.ErrLive, "overrun": shm.ErrOverrun, "no slots": shm.ErrNoSlots, "read-only": shm.ErrReadOnly,
		"not exist": os.ErrNotExist, "permission": os.ErrPermission,
	} {
		if errors.Is(err, target) {
			return name
		}
	}
	return fmt.Sprint(err)
}

// verify compares, in a test or in a role.
func verify[V comparable](t testing.TB, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
