package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// somebodys makes a module with a program and a library, in a directory of its own.
func somebodys(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                "module example.org/flight\n\ngo 1.26\n",
		"cmd/autopilot/main.go": "package main\n\nimport \"example.org/flight/gains\"\n\nfunc main() { println(gains.Roll) }\n",
		"gains/gains.go":        "package gains\n\nconst Roll = 3\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSomebodysProgram builds another module's program for two boards with the same
// settings and one with others, twice, from two directories: the same bytes each time.
func TestSomebodysProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Go's runtime for two kinds of CPU")
	}
	var before map[string][]byte
	for range 2 {
		t.Chdir(somebodys(t))
		out := t.TempDir()
		if err := os.MkdirAll(filepath.Join(out, "pi4"), 0o755); err != nil {
			t.Fatal(err)
		}
		stray := filepath.Join(out, "pi4", "notes") // of some earlier day
		if err := os.WriteFile(stray, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		status, text := run(t, "build", "pi4", "pi3", "pi2", "./...", "-o", out)
		if status != 0 || strings.Contains(text, "notes") {
			t.Fatalf("exit %d:\n%s", status, text)
		}
		got := map[string][]byte{}
		for _, board := range []string{"pi4", "pi3", "pi2"} {
			data, err := os.ReadFile(filepath.Join(out, board, "autopilot"))
			if err != nil {
				t.Fatal(err)
			}
			got[board] = data
		}
		if !bytes.Equal(got["pi4"], got["pi3"]) || bytes.Equal(got["pi4"], got["pi2"]) {
			t.Error("pi4 and pi3 have one build, pi2 another")
		}
		for board, data := range before {
			if !bytes.Equal(data, got[board]) {
				t.Errorf("%s: two builds differ", board)
			}
		}
		before = got
		if _, err := os.Stat(filepath.Join(out, "pi3", "notes")); err == nil {
			t.Error("a stray file went to another board")
		}
	}
}
