//go:build linux

package bindings_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The Python package as others get it: from its sources, as wheel and Debian package for each
// architecture, in every Python from 3.9 on, and under a type checker.

// install installs the package in dir, where Debian's Python and others of its version or later find it.
func install(t *testing.T) (dir string) {
	t.Helper()
	script := "import os, tism; print(os.path.dirname(tism.__file__))"
	where, err := cleanPython(python(t), "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir+"/tism", os.DirFS(strings.TrimSpace(string(where)))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needsAll(t *testing.T) {
	t.Helper()
	if !all {
		t.Skip("needs TISM_TEST_ALL=1")
	}
}

// packageSh runs package.sh and returns the files that it says it made.
func packageSh(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := cleanPython(append([]string{"python/package.sh"}, args...)...)
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("package.sh %s: %v\n%s", strings.Join(args, " "), err, &errors)
	}
	return strings.Fields(string(out))
}

// The archive of the sources has all that a machine without this repository needs.
func TestPythonSdist(t *testing.T) {
	t.Parallel()
	needsAll(t)
	python(t)
	archive := packageSh(t, "sdist", t.TempDir())[0]
	where := t.TempDir()
	for _, argv := range [][]string{
		{debianPython, "-m", "venv", "--system-site-packages", where},
		{where + "/bin/pip", "install", "--quiet", "--no-index", "--no-build-isolation", archive},
		{where + "/bin/python3", "python/tests/smoke.py"},
	} {
		cmd := cleanPython(argv...)
		cmd.Env = append(cmd.Env, "TISM_DIR="+t.TempDir())
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, text)
		}
	}
}

func TestPythonPackages(t *testing.T) {
	t.Parallel()
	needsAll(t)
	python(t)
	for target, tools := range map[string][]string{
		"amd64": nil,
		"arm64": {"aarch64-linux-gnu-gcc", "qemu-aarch64-static"},
		"armhf": {"arm-linux-gnueabihf-gcc", "qemu-arm-static"},
	} {
		t.Run(target, func(t *testing.T) {
			needs(t, append(tools, "dpkg-deb", "apt-get")...)
			if target == "amd64" && runtime.GOARCH != target {
				t.Skip("needs an amd64 machine")
			}
			out := t.TempDir()
			packageSh(t, "wheel", target, out)
			deb := packageSh(t, "deb", target, out)[0]
			packageSh(t, "check", target, out)
			if again := packageSh(t, "deb", target, t.TempDir())[0]; !sameFile(t, deb, again) {
				t.Error("the package is not the same when it is built again")
			}
			if target == runtime.GOARCH {
				t.Run("installed", func(t *testing.T) { testInstalled(t, deb) })
			}
		})
	}
}

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(x) == string(y)
}

// testInstalled installs the Debian package in a copy of this machine's files, uses it, and removes it.
func testInstalled(t *testing.T, deb string) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const mount = `mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work" "$1/root" &&
		mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root" || exit 1
	`
	if err := exec.Command("unshare", "-m", "sh", "-c", mount, "sh", t.TempDir()).Run(); err != nil {
		t.Skipf("needs overlay mounts: %v", err)
	}
	const use = `set -e
		mount --rbind /proc "$1/root/proc"
		mkdir "$1/root/tism-test"
		cp "$2" python/tests/smoke.py "$1/root/tism-test"
		root=$1
		inside() { chroot "$root/root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TISM_DIR=/tism-test "$@"; }
		inside sh -c 'dpkg -i /tism-test/*.deb'
		inside /usr/bin/python3 /tism-test/smoke.py
		inside sh -c 'ls /usr/lib/python3/dist-packages/tism/__pycache__/*.pyc'
		inside dpkg -r python3-tism
		! inside ls -d /usr/lib/python3/dist-packages/tism
	`
	text, err := exec.Command("unshare", "-m", "sh", "-c", mount+use, "sh", t.TempDir(), deb).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// interpreters finds a Python of each version from 3.9 on: in PATH, and pyenv's.
func interpreters() map[int]string {
	candidates, _ := filepath.Glob(os.ExpandEnv("$HOME/.pyenv/versions/*/bin/python3"))
	for minor := 9; minor < 30; minor++ {
		if path, err := exec.LookPath(fmt.Sprintf("python3.%d", minor)); err == nil {
			candidates = append(candidates, path)
		}
	}
	found := make(map[int]string)
	for _, path := range append(candidates, debianPython) {
		script := "import sys, sysconfig, os; print(sys.version_info[1], os.path.exists(sysconfig.get_paths()['include'] + '/Python.h'))"
		out, err := cleanPython(path, "-c", script).Output()
		var minor int
		var headers string
		if _, scan := fmt.Sscan(string(out), &minor, &headers); err == nil && scan == nil && minor >= 9 && (minor >= 11 || headers == "True") {
			found[minor] = path
		}
	}
	return found
}

// Python 3.9 and 3.10 compile the extension for themselves. From 3.11 on all take the one that Debian's made.
func TestPythonVersions(t *testing.T) {
	t.Parallel()
	needsAll(t)
	installed := install(t)
	found := interpreters()
	for minor := 9; minor <= 13; minor++ {
		t.Run(fmt.Sprintf("3.%d", minor), func(t *testing.T) {
			t.Parallel()
			interpreter, ok := found[minor]
			if !ok {
				t.Skipf("needs python3.%d, in PATH or pyenv's", minor)
			}
			dir := installed
			if minor < 11 {
				dir = buildFor(t, interpreter)
			}
			cmd := cleanPython(interpreter, "-X", "dev", "-W", "error", "-m", "unittest", "discover", "-s", "python/tests", "-t", "python/tests")
			cmd.Env = append(cmd.Env, "PYTHONPATH="+dir, "TISM_DIR="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1")
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", interpreter, err, text)
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			t.Logf("%s: %s", interpreter, lines[len(lines)-1])
		})
	}
}

// buildFor compiles the extension for an interpreter and returns where the package is.
// Its own setuptools does, or else Debian's.
func buildFor(t *testing.T, interpreter string) string {
	t.Helper()
	dir := t.TempDir()
	if err := copySources(dir); err != nil {
		t.Fatal(err)
	}
	cmd := cleanPython(interpreter, "setup.py", "-q", "build_ext", "--inplace")
	cmd.Dir = dir + "/python"
	wheels, _ := filepath.Glob("/usr/share/python-wheels/setuptools-*.whl")
	cmd.Env = append(cmd.Env, "PYTHONPATH="+strings.Join(wheels, ":"))
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, text)
	}
	return dir + "/python/src"
}

// The package and the examples have types that mypy agrees with, and the extension is as its stub says.
func TestPythonTypes(t *testing.T) {
	t.Parallel()
	needsAll(t)
	needs(t, "mypy", "stubtest")
	dir := install(t)
	allowed := filepath.Join(t.TempDir(), "allowed")
	// Python has the method from 3.12 on; type checkers know a buffer by it always.
	if err := os.WriteFile(allowed, []byte(`tism\._tism\.Guard\.__buffer__`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("python/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{
		{"mypy", "--strict", "--python-version", "3.9", "tism"},
		{"mypy", "--strict", "tism", examples},
		{"stubtest", "--ignore-unused-allowlist", "--allowlist", allowed, "tism._tism"},
	} {
		cmd := cleanPython(argv...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Env, "PYTHONPATH="+dir, "MYPYPATH="+dir, "PYTHONDONTWRITEBYTECODE=1", "MYPY_CACHE_DIR="+dir+"/cache")
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, text)
		}
	}
}
