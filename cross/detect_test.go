package main

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	status, out := run(t, "detect", "--root", "detect/testdata/pi4-system32")
	for _, want := range []string{"pi4-32 (Raspberry Pi 4, 32-bit system)", "aarch64, pages of 4096 bytes", "4 Cortex-A72", "pi4: CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOARM64=v8.0",
		"use pi4, not pi4-32", "go run ./cross build pi4\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if status != 0 {
		t.Errorf("exit %d, want 0", status)
	}
}

func TestDetectJSON(t *testing.T) {
	status, out := run(t, "detect", "--json", "--root", "detect/testdata/pi5")
	var got struct {
		Target, Best string
		Env          []string
		Machine      struct {
			PageSize int `json:"page_size"`
		}
	}
	err := json.Unmarshal([]byte(out), &got)
	if err != nil || status != 0 || got.Target != "pi5" || got.Best != "pi5" || !slices.Contains(got.Env, "GOARM64=v8.2") || got.Machine.PageSize != 16384 {
		t.Errorf("exit %d, %v: %s", status, err, out)
	}
}

func TestDetectPrograms(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// No board of this sample runs what runs this test, unless it is one itself.
	if runtime.GOARCH == "riscv64" {
		t.Skip("needs another machine than a riscv64 one")
	}
	status, out := run(t, "detect", "--root", "detect/testdata/visionfive2", self)
	if status != 1 || !strings.Contains(out, "does not run here") || !strings.Contains(out, "1 of 1 programs") {
		t.Errorf("exit %d:\n%s", status, out)
	}
	status, out = run(t, "detect", "--root", "detect/testdata/pi5", "detect.go")
	if status != 1 || !strings.Contains(out, "detect.go") {
		t.Errorf("a source file: exit %d:\n%s", status, out)
	}
	if runtime.GOOS != "linux" {
		return
	}
	if status, out = run(t, "detect", self); status != 0 || !strings.Contains(out, self+" runs here") {
		t.Errorf("this program, here: exit %d:\n%s", status, out)
	}
}

func TestDetectNothing(t *testing.T) {
	if status, out := run(t, "detect", "--root", t.TempDir()); status != 1 || !strings.Contains(out, "must be there") {
		t.Errorf("exit %d:\n%s", status, out)
	}
}
