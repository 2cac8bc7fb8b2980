//go:build linux

package bindings_test

import (
	"bytes"
	"cmp"
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
	if err := buildPeer(target, rustTarget{}); err != nil {
		t.Fatal(err)
	}
	return []string{filepath.Join(target, "debug", "examples", "peer")}
}}

// A rustTarget is another machine that the crate is built for, to run there under an emulator.
type rustTarget struct {
	name   string
	triple string
	tools  toolchain
}

// Those whose standard library is not installed are skipped. (Debian has them as
// libstd-rust-web-dev of that architecture, rustup as targets.)
var rustTargets = everything([]rustTarget{
	{"rust-arm64", "aarch64-unknown-linux-gnu", arm64},
	{"rust-armhf", "armv7-unknown-linux-gnueabihf", armhf},
})

// inRustFor is Rust on another machine, on a single CPU as inC says.
func inRustFor(rt rustTarget) language {
	return language{name: rt.name, oneCPU: true, command: func(t testing.TB) []string {
		target := cargoTarget(t)
		for _, tool := range []string{rt.tools.cc, rt.tools.run} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%s: %s is not installed", rt.name, tool)
			}
		}
		if !hasStd(rt.triple) {
			t.Skipf("%s: needs Rust's standard library for %s", rt.name, rt.triple)
		}
		if err := buildPeer(target, rt); err != nil {
			t.Fatal(err)
		}
		return []string{rt.tools.run, filepath.Join(target, rt.triple, "debug", "examples", "peer")}
	}}
}

var stds sync.Map // what hasStd found

// hasStd tells whether the compiler has a standard library for the target.
func hasStd(triple string) bool {
	if known, ok := stds.Load(triple); ok {
		return known.(bool)
	}
	rustc := cmp.Or(os.Getenv("RUSTC"), "rustc")
	dir, err := exec.Command(rustc, "--print", "target-libdir", "--target", triple).Output()
	found := []string{}
	if err == nil {
		found, _ = filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "libstd-*"))
	}
	stds.Store(triple, len(found) > 0)
	return len(found) > 0
}

// buildPeer builds the peer at its first use; statically for another machine.
func buildPeer(target string, rt rustTarget) error {
	builds.Lock()
	if builds.peers == nil {
		builds.peers = make(map[string]func() error)
	}
	f := builds.peers[rt.triple]
	if f == nil {
		f = sync.OnceValue(func() error {
			args := []string{"build", "--example", "peer"}
			if rt.triple != "" {
				args = append(args, "--target", rt.triple,
					"--config", fmt.Sprintf("target.%s.linker=%q", rt.triple, rt.tools.cc),
					"--config", fmt.Sprintf("target.%s.rustflags=[\"-Ctarget-feature=+crt-static\"]", rt.triple))
			}
			_, err := cargo(target, os.DevNull, args...)
			return err
		})
		builds.peers[rt.triple] = f
	}
	builds.Unlock()
	return f()
}

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

// A program that depends on the crate by its path. With the feature strict, types that not all
// bytes are values of do not compile in the functions of TISM 2.1.
func TestRustStrict(t *testing.T) {
	target := cargoTarget(t)
	t.Parallel()
	crate, err := filepath.Abs("rust")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for file, text := range map[string]string{
		"Cargo.toml": "[package]\nname = \"user\"\nversion = \"0.0.0\"\nedition = \"2024\"\n" +
			"[dependencies]\ntism = { path = \"" + crate + "\", features = [\"strict\"] }\n",
		"src/bin/good.rs": "fn main() {\n    let mut t = tism::create(\"strict\", [1.5f64; 3]).unwrap();\n" +
			"    assert_eq!(t.read().unwrap(), [1.5; 3]);\n    let o = tism::Options::new();\n" +
			"    assert!(o.create(\"flag\", true).unwrap().read().unwrap());\n}\n",
		"src/bin/bool.rs":      "fn main() { tism::create(\"strict\", (1u32, true)).unwrap(); }\n",
		"src/bin/reference.rs": "struct S(#[allow(dead_code)] &'static u8, u64);\nfn main() { tism::create(\"strict\", S(&0, 1)).unwrap(); }\n",
		"src/bin/open.rs":      "fn main() { tism::open::<char>(\"strict\").unwrap(); }\n",
		"src/bin/wait.rs":      "fn main() { tism::wait_and_open::<Option<u8>>(\"strict\").unwrap(); }\n",
	} {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cargoIn(dir, target, t.TempDir(), "run", "--bin", "good"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"bool", "reference", "open", "wait"} {
		_, err := cargoIn(dir, target, os.DevNull, "build", "--bin", bad)
		if err == nil || !strings.Contains(err.Error(), "not all bytes are values of this type") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// cargo runs cargo on the crate, without a network, with topics in a directory, and returns
// what it printed.
func cargo(target, topics string, args ...string) (string, error) {
	return cargoIn("rust", target, topics, append(args, "--locked")...)
}

func cargoIn(dir, target, topics string, args ...string) (string, error) {
	cmd := exec.Command("cargo", append(args, "--offline")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TISM_DIR="+topics, "CARGO_TARGET_DIR="+target, "CARGO_TERM_COLOR=never")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cargo %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(text))
	}
	return string(text), nil
}
