package codec_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/shm"
)

// children are what this program can do as another process, by name.
var children = make(map[string]func(args []string) error)

func init() {
	childrenOf(structKind)
	childrenOf(bytesKind)
	childrenOf(msgpackKind)
	childrenOf(inPlaceKind)
}

func childrenOf[T any](k kind[T]) {
	children["publish/"+k.name] = func(args []string) error { return publish(k, args) }
	children["hold/"+k.name] = func(args []string) error { return hold(k, args) }
	children["inherit/"+k.name] = func(args []string) error { return inherit(k, args) }
}

// childEnv holds a child's name and arguments, separated by blanks.
const childEnv = "TISM_CODEC_CHILD"

func TestMain(m *testing.M) {
	if spec := strings.Fields(os.Getenv(childEnv)); len(spec) > 0 {
		os.Exit(runChild(spec))
	}
	os.Exit(runTests(m))
}

// runTests fails the package if its tests leave descriptors, goroutines or topics behind.
func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tism-codec")
	if err == nil {
		err = os.Setenv("TISM_DIR", dir) // for the examples, which name no directory
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if r, w, err := os.Pipe(); err == nil { // opens what the runtime keeps for its poller
		_, _ = r.Close(), w.Close()
	}
	before := descriptors()
	code := m.Run()
	var left []error
	if after := descriptors(); after > before {
		left = append(left, fmt.Errorf("%d descriptors before the tests, %d after", before, after))
	}
	if n, ok := settled(func() (int, bool) { n := runtime.NumGoroutine(); return n, n <= 2 }); !ok {
		left = append(left, fmt.Errorf("%d goroutines after the tests", n))
	}
	left = append(left, os.Remove(dir)) // refuses if it is not empty
	if err := errors.Join(left...); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// descriptors counts those that are open, -1 where /proc does not tell.
func descriptors() int {
	runtime.GC() // closes what only a finalizer knows of
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

// settled asks until the answer is yes, for a while.
func settled(f func() (int, bool)) (n int, ok bool) {
	for deadline := time.Now().Add(patience); !ok && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		n, ok = f()
	}
	return n, ok
}

// runChild is a child's whole life. It ends with its parent, whose pipe is its stdin.
func runChild(spec []string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if err := children[spec[0]](spec[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// patience is how long something may take that takes milliseconds.
const patience = 30 * time.Second

// A child is this program in another process.
type child struct {
	*exec.Cmd
	stdin io.Closer
}

// start starts a child, through TISM_EXEC_PREFIX where that is set (an emulator, which
// cannot be found in an executable's own header).
func start(t *testing.T, files []*os.File, args ...any) *child {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	argv := append(strings.Fields(os.Getenv("TISM_EXEC_PREFIX")), self)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+strings.TrimSpace(fmt.Sprintln(args...)),
		"GORACE=atexit_sleep_ms=0") // the race detector's default is a second
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = files
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	c := &child{cmd, stdin}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			c.kill(t)
		}
	})
	return c
}

// kill kills the child and waits for its death.
func (c *child) kill(t *testing.T) {
	t.Helper()
	must(t, c.Process.Kill())
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) {
		t.Errorf("killed child: %v", err)
	}
}

// succeed waits until the child has done its work.
func (c *child) succeed(t *testing.T) {
	t.Helper()
	if err := c.Wait(); err != nil {
		t.Errorf("child: %v", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func check[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// wantErr checks an error and that it names its topic.
func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	var op *shm.OpError
	switch {
	case !errors.Is(err, want):
		t.Errorf("%s: %v, want %v", what, err, want)
	case !errors.As(err, &op) || op.Topic == "" || op.Topic == "?":
		t.Errorf("%s: %v names no topic", what, err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	if _, ok := settled(func() (int, bool) { return 0, f() }); !ok {
		t.Fatalf("%s: not within %v", what, patience)
	}
}

// soon is a context that outlives everything that works.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// closing closes a handle at the end of the test, unless the test has.
func closing[C io.Closer](t testing.TB, c C, err error) C {
	t.Helper()
	must(t, err)
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, shm.ErrHandle) {
			t.Error(err)
		}
	})
	return c
}

// wantText checks that an error says all of it.
func wantText(t testing.TB, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not say %q", err, text)
		}
	}
}

func wantPanic(t testing.TB, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func encode(t testing.TB, v msgp.Marshaler) []byte {
	t.Helper()
	b, err := v.MarshalMsg(nil)
	must(t, err)
	return b
}

func itoa(n int) string { return fmt.Sprint(n) }
