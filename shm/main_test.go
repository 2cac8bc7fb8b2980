//go:build linux

package shm_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain plays a role if a test has started this binary as another process (see
// spawn), and otherwise runs the tests and fails the package if anything is left over:
// descriptors, mappings, goroutines, topics, processes' temporary files.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := scratch()
	if err != nil {
		fmt.Fprintln(os.Stderr, "making a directory for the tests' topics:", err)
		return 1
	}
	before := possessions()
	goroutines := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 && !fuzzing() {
		code = reportLeaks(before, goroutines, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// fuzzing: fuzz workers share pipes and a mapping with whom has started them.
func fuzzing() bool {
	return slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") })
}

// scratch makes t.TempDir and topics without a directory of their own live on a tmpfs,
// where topics live in earnest.
func scratch() (string, error) {
	dir, err := os.MkdirTemp("/dev/shm", "tism-test-")
	if err != nil {
		if dir, err = os.MkdirTemp("", "tism-test-"); err != nil {
			return "", err
		}
	}
	topics := filepath.Join(dir, "topics")
	if err := os.Mkdir(topics, 0o700); err != nil {
		return "", err
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return "", err
	}
	return dir, os.Setenv("TISM_DIR", topics)
}

func reportLeaks(before map[string]bool, goroutines int, dir string) (code int) {
	for what := range possessions() {
		if !before[what] {
			fmt.Fprintln(os.Stderr, "FAIL: the tests left behind", what)
			code = 1
		}
	}
	for _, pattern := range []string{"*", "topics/*"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if name != filepath.Join(dir, "topics") {
				fmt.Fprintln(os.Stderr, "FAIL: the tests left behind the file", name)
				code = 1
			}
		}
	}
	for start := time.Now(); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			fmt.Fprintln(os.Stderr, "FAIL: the tests left goroutines behind:")
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
			return 1
		}
	}
	return code
}

// possessions are this process's descriptors and shared mappings.
func possessions() map[string]bool {
	// The runtime keeps the descriptors of its poller: have them made now.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	have := make(map[string]bool)
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil {
			have[fmt.Sprintf("descriptor %s -> %s", filepath.Base(fd), to)] = true
		}
	}
	for _, m := range mappings() {
		if m.shared {
			have["mapping of "+m.path] = true
		}
	}
	return have
}

// A mapping is a line of /proc/self/maps.
type mapping struct {
	writable, shared bool
	offset, len      int64
	path             string
}

func mappings() (all []mapping) {
	text, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(text)) {
		var from, to, offset, inode int64
		var mode, device string
		if _, err := fmt.Sscanf(line, "%x-%x %s %x %s %d", &from, &to, &mode, &offset, &device, &inode); err != nil || len(mode) != 4 {
			continue
		}
		_, path, _ := strings.Cut(line, "/")
		all = append(all, mapping{mode[1] == 'w', mode[3] == 's', offset, to - from, "/" + strings.TrimSpace(path)})
	}
	return all
}
