package detect_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/cross/detect"
)

func TestProgramsOnBoards(t *testing.T) {
	program := func(arch, key, value string) detect.Program {
		return detect.Program{Path: "autopilot", GOOS: "linux", GOARCH: arch, Settings: map[string]string{key: value}}
	}
	for _, test := range []struct {
		sample  string
		program detect.Program
		lacks   string
	}{
		{"pi-zero", program("arm", "GOARM", "6"), ""},
		{"pi-zero", program("arm", "GOARM", "6,hardfloat"), ""},
		{"pi-zero", program("arm", "GOARM", "7"), "ARMv7 instructions"},
		{"pi-zero", program("arm", "GOARM", "7,softfloat"), "ARMv7 instructions"},
		{"toaster", program("arm", "GOARM", "6"), "ARMv6 instructions"},
		{"toaster", program("arm", "GOARM", "6,softfloat"), ""},
		{"pi2", program("arm", "GOARM", "7"), ""},
		{"pi2", program("arm64", "GOARM64", "v8.0"), "arm64 kernel"},
		{"pi4", program("arm64", "GOARM64", "v8.0"), ""},
		{"pi4", program("arm64", "GOARM64", "v8.0,lse"), "LSE atomics"},
		{"pi4", program("arm64", "GOARM64", "v8.2"), "LSE atomics"},
		{"pi4", program("arm", "GOARM", "7"), ""},
		{"pi4", program("amd64", "GOAMD64", "v1"), "amd64 kernel"},
		{"pi4-setarch", program("arm64", "GOARM64", "v8.2"), "LSE atomics"},
		{"pi5", program("arm64", "GOARM64", "v8.2"), ""},
		{"pi5-masked", program("arm64", "GOARM64", "v8.2"), "LSE atomics"},
		{"pc", program("amd64", "GOAMD64", "v2"), ""},
		{"pc", program("amd64", "GOAMD64", "v3"), "avx instructions"},
		{"pc", program("386", "GO386", "sse2"), ""},
		{"visionfive2", program("riscv64", "GORISCV64", "rva20u64"), ""},
		{"pi5", detect.Program{Path: "autopilot", GOOS: "darwin", GOARCH: "arm64"}, "darwin kernel"},
	} {
		r, err := detect.In(filepath.Join("testdata", test.sample))
		if err != nil {
			t.Fatal(err)
		}
		err = r.Check(test.program)
		var mismatch *detect.MismatchError
		switch {
		case test.lacks == "" && err != nil:
			t.Errorf("%s, %v: %v", test.sample, test.program, err)
		case test.lacks != "" && (!errors.As(err, &mismatch) || !strings.Contains(mismatch.Lacks, test.lacks) || !strings.Contains(err.Error(), r.Best.Name)):
			t.Errorf("%s, %v: %v, want one that lacks %s", test.sample, test.program, err, test.lacks)
		}
	}
}

// A program built for each of the table's builds runs on the boards that it is the build of.
func TestTheTableRunsItsOwnBuilds(t *testing.T) {
	for _, sample := range []string{"pi-zero", "pi1", "pi2", "pi3", "pi4", "pi5", "beaglebone-black", "jetson-nano", "jetson-tx2",
		"jetson-xavier", "jetson-orin", "visionfive2", "pc", "toaster", "server", "pi4-system32"} {
		r, err := detect.In(filepath.Join("testdata", sample))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []boards.Target{r.Target, r.Best} {
			settings := map[string]string{}
			for _, s := range b.Settings() {
				key, value, _ := strings.Cut(s, "=")
				settings[key] = value
			}
			if err := r.Check(detect.Program{Path: "autopilot", GOOS: "linux", GOARCH: b.GOARCH, Settings: settings}); err != nil {
				t.Errorf("%s: %v", sample, err)
			}
		}
	}
}

func TestReadProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := detect.ReadProgram(self)
	if err != nil || p.GOARCH == "" || p.GOOS == "" {
		t.Errorf("this test was built for %+v, %v", p, err)
	}
	if _, err := detect.ReadProgram("program.go"); err == nil || !strings.Contains(err.Error(), "program.go") {
		t.Errorf("a source file gives %v, want an error that names it", err)
	}
}

// TestWhatGoItselfSays holds docs/CROSS.md to the truth: which programs say what they lack, and
// which die of an illegal instruction in the runtime before any code of ours.
func TestWhatGoItselfSays(t *testing.T) {
	if testing.Short() {
		t.Skip("needs time: builds programs for nine kinds of CPU")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example\n\ngo 1.26\n", "main.go": "package main\n\nfunc main() { println(\"ran\") }\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const illegal = "illegal instruction"
	for _, test := range []struct{ arch, setting, emulator, cpu, want string }{
		{"arm", "GOARM=6", "qemu-arm-static", "arm1176", "ran"},
		{"arm", "GOARM=7", "qemu-arm-static", "arm1176", illegal},
		{"arm", "GOARM=6", "qemu-arm-static", "arm926", illegal},
		{"arm64", "GOARM64=v8.0,lse", "qemu-aarch64-static", "cortex-a57", illegal},
		{"arm64", "GOARM64=v8.2", "qemu-aarch64-static", "cortex-a76", "ran"},
		{"amd64", "GOAMD64=v3", "qemu-x86_64-static", "Nehalem", "can only be run on AMD64 processors with v3"},
		{"386", "GO386=sse2", "qemu-i386-static", "486", "can only be run on processors with MMX"},
		{"386", "GO386=sse2", "qemu-i386-static", "pentium", illegal},
		{"riscv64", "GORISCV64=rva22u64", "qemu-riscv64-static", "sifive-u54", illegal},
	} {
		t.Run(test.setting+" on "+test.cpu, func(t *testing.T) {
			if _, err := exec.LookPath(test.emulator); err != nil {
				t.Skipf("needs %s: apt-get install qemu-user-static", test.emulator)
			}
			program := filepath.Join(t.TempDir(), "program")
			build := exec.Command("go", "build", "-o", program, ".")
			build.Dir = dir
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=", "GOWORK=off", "GOARCH="+test.arch, test.setting)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("building: %v\n%s", err, out)
			}
			if p, err := detect.ReadProgram(program); err != nil || p.GOARCH != test.arch {
				t.Errorf("the program was built for %+v, %v, want %s", p, err, test.arch)
			}
			run := exec.Command(test.emulator, "-cpu", test.cpu, program)
			run.Dir = t.TempDir() // a core file goes there
			out, err := run.CombinedOutput()
			got := string(out)
			if err != nil && strings.Contains(err.Error(), illegal) {
				got += illegal
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("it says %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// TestWhatCDoes holds the table of boards to the truth: Debian's armhf C library is ARMv7, whatever a
// program itself is compiled for, and detect tells that from outside.
func TestWhatCDoes(t *testing.T) {
	if testing.Short() {
		t.Skip("needs time: compiles and emulates")
	}
	zero, err := detect.In("testdata/pi-zero")
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(t.TempDir(), "main.c")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		compiler string
		flags    []string
		runs     bool
	}{
		{"arm-linux-gnueabihf-gcc", nil, false},
		{"arm-linux-gnueabihf-gcc", []string{"-march=armv6+fp", "-marm"}, false},
		{"arm-linux-gnueabi-gcc", []string{"-march=armv6", "-marm"}, true},
	} {
		t.Run(test.compiler+strings.Join(test.flags, ""), func(t *testing.T) {
			for _, tool := range []string{test.compiler, "qemu-arm-static"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("needs %s", tool)
				}
			}
			program := filepath.Join(t.TempDir(), "program")
			if out, err := exec.Command(test.compiler, append(test.flags, "-static", "-o", program, source)...).CombinedOutput(); err != nil {
				t.Fatalf("compiling: %v\n%s", err, out)
			}
			run := exec.Command("qemu-arm-static", "-cpu", "arm1176", program)
			run.Dir = t.TempDir() // a core file goes there
			if err := run.Run(); (err == nil) != test.runs {
				t.Errorf("on an ARM1176: %v, want it to run: %v", err, test.runs)
			}
			p, err := detect.ReadProgram(program)
			if err != nil {
				t.Fatal(err)
			}
			if err := zero.Check(p); (err == nil) != test.runs || err != nil && !strings.Contains(err.Error(), "arm-linux-gnueabi-gcc") {
				t.Errorf("detect says %v of %+v, want it to run: %v", err, p, test.runs)
			}
		})
	}
}
