package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
)

// run executes a command line and returns its exit status and all that it printed.
func run(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out strings.Builder
	status := execute(context.Background(), args, &out, &out)
	return status, out.String()
}

func TestListShowsEveryBoard(t *testing.T) {
	status, out := run(t, "list")
	for _, b := range boards.All() {
		if !strings.Contains(out, "\n"+b.Name+" ") {
			t.Errorf("list does not show %s", b.Name)
		}
	}
	if status != 0 {
		t.Errorf("list exits with %d", status)
	}
	_, out = run(t, "list", "--json", "rpi5")
	var got []boards.Target
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || got[0].Name != "pi5" {
		t.Errorf("list --json rpi5 gives %v, %v", got, err)
	}
}

func TestBadInputSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"build", "pi55"}, 2, "did you mean pi5"},
		{[]string{"build"}, 2, "which board?"},
		{[]string{"build", "--all", "pi5"}, 2, "leave out pi5"},
		{[]string{"build", "pi5", "--c", "maybe"}, 2, "not auto, always or never"},
		{[]string{"build", "pi5", "-o", file}, 1, "-o DIR"},
		{[]string{"detect", file, "/nowhere"}, 1, "of 2 of 2 programs it cannot be told"},
		{[]string{"build", "pi5", "-o", t.TempDir(), "github.com/tism-go/tism/cross/boards"}, 1, "none of these is a package main"},
	} {
		status, out := run(t, test.args...)
		if status != test.status || !strings.Contains(out, test.want) {
			t.Errorf("%v: exit %d, want %d with %q:\n%s", test.args, status, test.status, test.want, out)
		}
	}
}

func TestOutsideOfAModule(t *testing.T) {
	t.Setenv("GO111MODULE", "on")
	t.Chdir(t.TempDir())
	status, out := run(t, "build", "pi5")
	if status != 1 || !strings.Contains(out, "go mod init") {
		t.Errorf("exit %d:\n%s", status, out)
	}
}

func TestWithoutNetwork(t *testing.T) {
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOPROXY", "off")
	t.Setenv("GOFLAGS", "-modcacherw")
	status, out := run(t, "build", "amd64", "-o", t.TempDir())
	if status != 1 || !strings.Contains(out, "go mod download") {
		t.Errorf("exit %d:\n%s", status, out)
	}
}

func TestMissingCompilerSaysWhatToInstall(t *testing.T) {
	b := &builder{c: "always"}
	_, err := b.library(context.Background(), boards.C{Triple: "no-such-machine", Package: "gcc-no-such-machine"})
	if err == nil || !strings.Contains(err.Error(), "apt-get install gcc-no-such-machine") {
		t.Errorf("error %v", err)
	}
}

// TestNoCLibraryWithoutAtomics: ARMv5 gets its Go programs all the same.
func TestNoCLibraryWithoutAtomics(t *testing.T) {
	armv5, err := boards.Find("armv5")
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	b := &builder{c: "auto", log: &log, libs: map[string]*cLibrary{}, skipped: map[string]bool{}}
	if lib, err := b.library(context.Background(), armv5.C); lib != nil || err != nil {
		t.Errorf("auto: %v, %v, want nothing", lib, err)
	}
	if !strings.Contains(log.String(), "no atomic instructions") {
		t.Errorf("auto says %q", log.String())
	}
	b = &builder{c: "always"}
	if _, err := b.library(context.Background(), armv5.C); err == nil || !strings.Contains(err.Error(), "--c=never") {
		t.Errorf("always: %v", err)
	}
}
