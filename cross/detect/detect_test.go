package detect_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/cross/detect"
)

func TestSampleBoards(t *testing.T) {
	tests := []struct{ sample, target, best, why string }{
		{"pi-zero", "pi-zero", "pi-zero", ""},
		{"pi1", "pi1", "pi1", ""},
		{"pi2", "pi2", "pi2", ""},
		{"pi2-v12-64", "arm64", "arm64", "chip of a Pi 3"},
		{"pi3", "pi3", "pi3", ""},
		{"pi3-kernel32", "pi3-32", "pi3-32", "arm_64bit=1"},
		{"pi-zero2w", "pi-zero2w", "pi-zero2w", ""},
		{"pi4", "pi4", "pi4", ""},
		{"pi4-system32", "pi4-32", "pi4", "use pi4, not pi4-32"},
		{"pi4-setarch", "pi4-32", "pi4", "use pi4, not pi4-32"},
		{"pi4-container", "pi4", "pi4", ""},
		{"pi5", "pi5", "pi5", ""},
		{"pi5-masked", "pi5", "arm64", "needs LSE atomics"},
		{"beaglebone-black", "beaglebone-black", "beaglebone-black", ""},
		{"jetson-nano", "jetson-nano", "jetson-nano", ""},
		{"jetson-tx2", "jetson-tx2", "jetson-tx2", ""},
		{"jetson-xavier", "jetson-xavier", "jetson-xavier", ""},
		{"jetson-orin", "jetson-orin", "jetson-orin", ""},
		{"visionfive2", "visionfive2", "visionfive2", ""},
		{"pc", "amd64", "amd64", "is not in the table"},
		{"pc-system32", "386", "amd64", "use amd64, not 386"},
		{"toaster", "armv5", "armv5", "Example Toaster is not in the table"},
		{"server", "arm64", "arm64", "LSE atomics; Go takes them"},
	}
	dirs, err := filepath.Glob("testdata/*/proc")
	if err != nil || len(dirs) != len(tests) {
		t.Errorf("%d samples, %d tests of them (%v)", len(dirs), len(tests), err)
	}
	for _, test := range tests {
		r, err := detect.In(filepath.Join("testdata", test.sample))
		if err != nil {
			t.Errorf("%s: %v", test.sample, err)
			continue
		}
		why := strings.Join(r.Why, " ")
		if r.Target.Name != test.target || r.Best.Name != test.best || !strings.Contains(why, test.why) || test.why == "" && why != "" {
			t.Errorf("%s: target %s, best %s, want %s, %s and %q; why: %s", test.sample, r.Target.Name, r.Best.Name, test.target, test.best, test.why, why)
		}
		if r.Machine.PageSize == 0 || r.Machine.CPUs == 0 {
			t.Errorf("%s: no pages or no CPUs: %+v", test.sample, r.Machine)
		}
	}
}

func TestPageSizeComesFromTheKernel(t *testing.T) {
	for sample, want := range map[string]int{"pi5": 16384, "pi4-system32": 4096, "server": 65536} {
		if m, err := detect.Read("testdata/" + sample); err != nil || m.PageSize != want {
			t.Errorf("%s: pages of %d bytes, %v, want %d", sample, m.PageSize, err, want)
		}
	}
}

func TestPagesThatNobodyTested(t *testing.T) {
	r, err := detect.Identify(detect.Machine{Compatible: []string{"brcm,bcm2711"}, Kernel: "aarch64", System: "arm64", PageSize: 65536})
	if err != nil || !strings.Contains(strings.Join(r.Why, " "), "Pages of 65536 bytes") {
		t.Errorf("why: %v, %v", r.Why, err)
	}
}

func TestGenericTargetsOfEveryKernel(t *testing.T) {
	vfp3 := []string{"half", "vfp", "vfpv3"}
	for _, test := range []struct {
		kernel, system string
		features       []string
		want           string
	}{
		{"armv5tejl", "arm", nil, "armv5"}, {"armv6l", "arm", []string{"half", "vfp"}, "armv6"}, {"armv6l", "arm", nil, "armv5"},
		{"armv7l", "arm", vfp3, "armv7"}, {"armv7l", "arm", []string{"half", "vfp"}, "armv6"}, {"armv7l", "arm", nil, "armv5"},
		{"aarch64", "arm", nil, "arm64"}, {"i586", "386", nil, "386"}, {"x86_64", "amd64", nil, "amd64"}, {"riscv64", "riscv64", nil, "riscv64"},
	} {
		r, err := detect.Identify(detect.Machine{Kernel: test.kernel, System: test.system, Features: test.features})
		if err != nil || r.Best.Name != test.want || !r.Best.Generic {
			t.Errorf("%s with %v: best is %q, %v, want %s", test.kernel, test.features, r.Best.Name, err, test.want)
		}
	}
	if _, err := detect.Identify(detect.Machine{Kernel: "s390x", System: "s390x"}); !errors.Is(err, detect.ErrUnknown) || !strings.Contains(err.Error(), "s390x") {
		t.Errorf("a mainframe gives %v, want ErrUnknown", err)
	}
}

// Every board of the table must be found by each of its own strings.
func TestEveryCompatibleString(t *testing.T) {
	kernels := map[string]string{"arm64": "aarch64", "riscv64": "riscv64", "arm": "armv7l"}
	for _, b := range boards.All() {
		for _, c := range b.Compatible {
			r, err := detect.Identify(detect.Machine{Compatible: []string{c}, Kernel: kernels[b.GOARCH], System: b.GOARCH})
			if err != nil || r.Target.Name != b.Name || r.Best.Name != b.Name {
				t.Errorf("%s is taken for %s, best %s, %v; want %s", c, r.Target.Name, r.Best.Name, err, b.Name)
			}
		}
	}
}

func TestNothingToRead(t *testing.T) {
	if _, err := detect.In(t.TempDir()); err == nil || !strings.Contains(err.Error(), "/proc/cpuinfo") {
		t.Errorf("an empty directory gives %v", err)
	}
	if _, err := detect.In(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory gives %v", err)
	}
}

func TestNonsenseIsNoPanic(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"proc/cpuinfo": "processor : x\nCPU part : zz\n:\n", "proc/self/auxv": "short", "proc/device-tree/compatible": "\x00\x00",
		"bin/sh": "#!/bin/false", "proc/sys/kernel/arch": "aarch64\n",
	} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := detect.In(root); err != nil || r.Best.Name != "arm64" {
		t.Errorf("best is %s, %v", r.Best.Name, err)
	}
}

func TestThisMachine(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux: /proc")
	}
	r, err := detect.Here()
	if err != nil || r.Best.GOARCH == "" || r.Machine.PageSize != os.Getpagesize() {
		t.Errorf("this machine is %+v, %v", r, err)
	}
}
