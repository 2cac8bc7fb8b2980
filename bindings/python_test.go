//go:build linux

package bindings_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The Python package: installed as its README says, its own tests, its peer.

// debianPython is the one that the package is made for, not one of pyenv or the like.
const debianPython = "/usr/bin/python3"

var inPython = language{name: "python", command: func(t testing.TB) []string {
	return []string{python(t), "python/tests/peer.py"}
}}

// python returns the interpreter of a venv that has the package, which it makes at its first use.
func python(t testing.TB) string {
	t.Helper()
	if os.Getenv("TISM_SKIP_PYTHON") != "" {
		t.Skip("TISM_SKIP_PYTHON is set")
	}
	if missing := missingForPython(); missing != "" {
		t.Skipf("needs %s", missing)
	}
	interpreter, err := venv()
	if err != nil {
		t.Fatal(err)
	}
	return interpreter
}

// missingForPython names what is not installed of what the package's build takes.
var missingForPython = sync.OnceValue(func() string {
	if _, err := exec.LookPath("gcc"); err != nil {
		return "gcc"
	}
	if _, err := os.Stat(debianPython); err != nil {
		return debianPython
	}
	script := "import sysconfig, os, sys\n" +
		"sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')))\n"
	if exec.Command(debianPython, "-c", script).Run() != nil {
		return "python3-dev"
	}
	for module, pkg := range map[string]string{"setuptools": "python3-setuptools", "wheel": "python3-wheel", "ensurepip": "python3-venv"} {
		if exec.Command(debianPython, "-c", "import "+module).Run() != nil {
			return pkg
		}
	}
	return ""
})

var venv = sync.OnceValues(func() (string, error) {
	dir, err := buildDir()
	if err != nil {
		return "", err
	}
	source := filepath.Join(dir, "source")
	if err := copySources(source); err != nil {
		return "", err
	}
	where := filepath.Join(dir, "venv")
	for _, argv := range [][]string{
		{debianPython, "-m", "venv", "--system-site-packages", where},
		{where + "/bin/pip", "install", "--quiet", "--no-index", "--no-build-isolation", filepath.Join(source, "python")},
	} {
		if text, err := cleanPython(argv...).CombinedOutput(); err != nil {
			return "", errors.New(strings.Join(argv, " ") + ": " + err.Error() + "\n" + string(text))
		}
	}
	return where + "/bin/python3", nil
})

// copySources copies what the package is built from, because setuptools builds in its sources.
func copySources(to string) error {
	for _, part := range []string{"python", "c"} {
		if err := os.CopyFS(filepath.Join(to, part), os.DirFS(part)); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(to, "python", "build")) // of another day
}

// cleanPython is a command without the environment's idea of what Python is.
func cleanPython(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PYTHON") && !strings.HasPrefix(v, "PIP_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

func runPython(t *testing.T, args ...string) {
	t.Helper()
	cmd := cleanPython(append([]string{python(t)}, args...)...)
	cmd.Dir = "python"
	cmd.Env = append(cmd.Env, "TISM_DIR="+t.TempDir(), "PYTHONDONTWRITEBYTECODE=1")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("python %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	t.Logf("%s", text)
}

func TestPythonUnits(t *testing.T) {
	t.Parallel()
	runPython(t, "-X", "dev", "-W", "error", "-m", "unittest", "discover", "-s", "tests", "-v")
}

// The extension compiles without warnings, with the limited API and with all of it.
func TestPythonWarnings(t *testing.T) {
	t.Parallel()
	python(t)
	include, err := cleanPython(debianPython, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range []string{"-DPy_LIMITED_API=0x030B0000", "-UPy_LIMITED_API"} {
		run(t, t.TempDir(), "gcc", "-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only", api,
			"-Ic", "-isystem", strings.TrimSpace(string(include)), "python/src/tism/_tism.c")
	}
}

// The examples run together: a consumer that waits for its publisher, and one for any topic.
func TestPythonExamples(t *testing.T) {
	t.Parallel()
	topics := t.TempDir()
	start := func(script string, args ...string) (*exec.Cmd, *strings.Builder) {
		cmd := cleanPython(append([]string{python(t), "python/examples/" + script}, args...)...)
		cmd.Env = append(cmd.Env, "TISM_DIR="+topics, "PYTHONDONTWRITEBYTECODE=1")
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd, &out
	}
	consumer, seen := start("consumer.py")
	printer, printed := start("any_topic.py", "attitude")
	// A consumer that starts after a publisher's end waits for the next.
	done := make(chan error, 2)
	for _, c := range []*exec.Cmd{consumer, printer} {
		go func() { done <- c.Wait() }()
	}
	deadline := time.Now().Add(time.Minute)
	for ended := 0; ended < 2; {
		publisher, said := start("publisher.py", "20")
		if err := publisher.Wait(); err != nil {
			t.Fatalf("publisher: %v\n%s", err, said)
		}
		for waiting := true; waiting && ended < 2; {
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("a consumer ended with %v", err)
				}
				ended++
			default:
				waiting = false
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the consumers do not end")
		}
	}
	if !strings.Contains(seen.String(), "us old\nclosed by its publisher\n") {
		t.Errorf("consumer.py prints\n%s", seen)
	}
	if !strings.Contains(printed.String(), "struct Attitude 24\ntime_us u64 @0\n") || !strings.Contains(printed.String(), "q=(1.0, 0.0, 0.0,") {
		t.Errorf("any_topic.py prints\n%s", printed)
	}
}
