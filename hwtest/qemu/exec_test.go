package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
)

// needsUser skips where nothing stands in for the target under qemu-user.
func needsUser(t *testing.T, target boards.Target) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if _, err := exec.LookPath(target.User.Program); err != nil {
		t.Skipf("needs %s: apt-get install qemu-user-static", target.User.Program)
	}
	if testing.Short() {
		t.Skip("needs time: builds for another architecture")
	}
}

// The wrapper does for 'go test -exec' what its help says: tests of each architecture run, and
// one that fails is a failure.
func TestGoTestExec(t *testing.T) {
	needsUser(t, mustFind("pi4"))
	wrapper := filepath.Join(t.TempDir(), "qemu")
	if out, err := exec.Command("go", "build", "-o", wrapper, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the wrapper: %v\n%s", err, out)
	}
	for _, board := range []string{"pi4", "pi2", "pi-zero", "visionfive2"} {
		t.Run(board, func(t *testing.T) {
			target := mustFind(board)
			needsUser(t, target)
			goTest := func(more ...string) (string, error) {
				args := append([]string{"test", "-exec", wrapper + " exec " + board + " --", "-short", "-v"}, more...)
				cmd := exec.Command("go", append(args, "github.com/tism-go/tism/futex")...)
				cmd.Env = append(os.Environ(), target.Env()...)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			out, err := goTest("-run", "^TestRWLock$|^TestEvent")
			if err != nil || !strings.Contains(out, "--- PASS: TestRWLock ") {
				t.Errorf("%v\n%s", err, out)
			}
			if out, err := goTest("-timeout", "1ms"); err == nil || !strings.Contains(out, "test timed out after 1ms") {
				t.Errorf("tests that fail: %v\n%s", err, out)
			}
		})
	}
}

// A machine that runs what it must refuse has failed, and one that refuses has not.
func TestRefusal(t *testing.T) {
	r := negatives()[0]
	needsUser(t, r.target)
	b, err := newBuilder()
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	m := &matrix{builder: b, show: newProgress(io.Discard, 1), timeout: defaultTimeout}
	for cpu, want := range map[string]string{r.target.User.CPU: "refused", "max": "FAIL, it ran"} {
		r.target.User = &boards.User{Program: r.target.User.Program, CPU: cpu}
		var log strings.Builder
		if c, err := m.refused(context.Background(), r, &log); err != nil || c.String() != want {
			t.Errorf("%s on %s: %v, %v, want %s\n%s", r.build.Build(), cpu, c, err, want, log.String())
		}
	}
}
