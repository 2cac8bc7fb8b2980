//go:build linux

package bindings_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// The Rust crate: its own tests, and the peer that meets the other languages.

var inRust = language{name: "rust", command: func(t testing.TB) []string {
	target := cargoTarget(t)
	builds.cargo.Do(func() {
		_, builds.cargoErr = cargo(target, os.DevNull, "build", "--example", "peer")
	})
	if builds.cargoErr != nil {
		t.Fatal(builds.cargoErr)
	}
	return []string{filepath.Join(target, "debug", "examples", "peer")}
}}

// firstCargo is the first that knows the crate's edition, 2024.
const firstCargo = 85

// cargoTarget returns where cargo builds during this run, and skips the test where there
// is no cargo that can.
func cargoTarget(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"cargo", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("rust: needs %s", tool)
		}
	}
	minor := cargoVersion()
	if minor < firstCargo {
		t.Skipf("rust: needs cargo 1.%d or later for edition 2024", firstCargo)
	}
	dir, err := buildDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "rust")
}

// cargoVersion returns 85 for cargo 1.85.0, and 0 if cargo does not work.
var cargoVersion = sync.OnceValue(func() (minor int) {
	text, err := exec.Command("cargo", "--version").Output()
	if err == nil {
		_, _ = fmt.Sscanf(string(text), "cargo 1.%d", &minor)
	}
	return minor
})

// The crate's tests, and the examples of its documentation.
func TestCargo(t *testing.T) {
	target := cargoTarget(t)
	t.Parallel()
	text, err := cargo(target, t.TempDir(), "test")
	if err != nil {
		t.Fatal(err)
	}
	testExamples(t, filepath.Join(target, "debug", "examples"))
	for _, line := range regexp.MustCompile(`(?m)^test result: .*; 0 failed; .*`).FindAllString(text, -1) {
		t.Log(line)
	}
}

// cargo runs cargo on the crate, without a network, with topics in a directory, and returns
// what it printed.
func cargo(target, topics string, args ...string) (string, error) {
	cmd := exec.Command("cargo", append(args, "--offline", "--locked")...)
	cmd.Dir = "rust"
	cmd.Env = append(os.Environ(), "TISM_DIR="+topics, "CARGO_TARGET_DIR="+target, "CARGO_TERM_COLOR=never")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cargo %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(text))
	}
	return string(text), nil
}
