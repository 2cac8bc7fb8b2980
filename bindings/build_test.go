//go:build linux

package bindings_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A toolchain builds the C programs of the tests and runs them.
type toolchain struct {
	name string
	cc   string
	args []string
	run  string // emulator, if need be
}

var native = toolchain{name: "c", cc: "gcc", args: []string{"-O2"}}

// toolchains are what else the C code is built with. They take minutes, so they need
// TISM_TEST_ALL, which CI sets. Those that are not installed are skipped.
var toolchains = everything([]toolchain{
	{name: "c-clang", cc: "clang", args: []string{"-O2"}},
	{name: "c-musl", cc: "musl-gcc", args: []string{"-O2", "-static"}},
	{name: "c-sanitized", cc: "gcc", args: []string{"-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}},
	{name: "c-threads", cc: "clang", args: []string{"-O1", "-fsanitize=thread"}},
	arm64,
	armhf,
})

var (
	arm64 = toolchain{name: "c-arm64", cc: "aarch64-linux-gnu-gcc", args: []string{"-O2", "-static"}, run: "qemu-aarch64-static"}
	armhf = toolchain{name: "c-armhf", cc: "arm-linux-gnueabihf-gcc", args: []string{"-O2", "-static"}, run: "qemu-arm-static"}
)

// all asks for every way to build, and for longer runs.
var all = os.Getenv("TISM_TEST_ALL") != ""

func everything[T any](list []T) []T {
	if !all {
		return nil
	}
	return list
}

// forBuilds runs a test for each way to build the C code.
func forBuilds(t *testing.T, f func(t *testing.T, tc toolchain)) {
	for _, tc := range append([]toolchain{native}, toolchains...) {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f(t, tc)
		})
	}
	if !all {
		t.Run("others", func(t *testing.T) {
			t.Skip("needs TISM_TEST_ALL=1: clang, musl, sanitizers, and ARM under qemu-user")
		})
	}
}

// strict are the warnings that the sources must be free of.
var strict = []string{"-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror", "-g"}

var builds struct {
	sync.Mutex
	dir   string
	files map[string]func() (string, error)
	peers map[string]func() error // of Rust
}

// program returns the command line that runs a program of c/tests, which it builds
// at its first use.
func (tc toolchain) program(t testing.TB, source string) []string {
	t.Helper()
	tc.needed(t)
	sources := []string{"c/tests/" + source}
	if source != "descriptors.c" && source != "wakes.c" { // which include it
		library, err := tc.build(tc.name+"-tism.o", []string{"-c", "c/tism.c"})
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, library)
	}
	file, err := tc.build(tc.name+"-"+strings.TrimSuffix(source, ".c"), sources)
	if err != nil {
		t.Fatal(err)
	}
	if tc.run != "" {
		return []string{tc.run, file}
	}
	return []string{file}
}

func (tc toolchain) needed(t testing.TB) {
	t.Helper()
	for _, tool := range []string{tc.cc, tc.run} {
		if _, err := exec.LookPath(tool); tool != "" && err != nil {
			t.Skipf("%s: %s is not installed", tc.name, tool)
		}
	}
}

func (tc toolchain) build(name string, sources []string) (string, error) {
	builds.Lock()
	if builds.files == nil {
		builds.files = make(map[string]func() (string, error))
	}
	f := builds.files[name]
	if f == nil {
		f = sync.OnceValues(func() (string, error) { return tc.compile(name, sources) })
		builds.files[name] = f
	}
	builds.Unlock()
	return f()
}

func (tc toolchain) compile(name string, sources []string) (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, name)
	args := append(append(append([]string{}, strict...), tc.args...), "-Ic", "-o", out)
	args = append(append(args, sources...), "-pthread")
	if text, err := exec.Command(tc.cc, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", tc.cc, strings.Join(args, " "), err, bytes.TrimSpace(text))
	}
	return out, nil
}

func buildDir() (string, error) {
	builds.Lock()
	defer builds.Unlock()
	var err error
	if builds.dir == "" {
		builds.dir, err = os.MkdirTemp("", "tism-bindings-")
	}
	return builds.dir, err
}

func removeBuilds() {
	if builds.dir != "" {
		_ = os.RemoveAll(builds.dir)
	}
}
