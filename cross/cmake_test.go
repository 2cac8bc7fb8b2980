package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/cross/boards"
)

// toolchains are the files of cross/cmake and the targets that they are for.
var toolchains = map[string]string{"arm64": "arm64", "armhf": "armv7", "armel": "armv6", "riscv64": "riscv64"}

func toolchain(t *testing.T, name string) (text string, target boards.Target) {
	t.Helper()
	data, err := os.ReadFile("cmake/" + name + ".cmake")
	if err != nil {
		t.Fatal(err)
	}
	target, err = boards.Find(toolchains[name])
	if err != nil {
		t.Fatal(err)
	}
	return string(data), target
}

func TestToolchainsFollowTheTable(t *testing.T) {
	files, _ := filepath.Glob("cmake/*.cmake")
	if len(files) != len(toolchains) {
		t.Errorf("%d files in cmake, want %d", len(files), len(toolchains))
	}
	for name := range toolchains {
		text, target := toolchain(t, name)
		wants := []string{"apt-get install " + target.C.Package + "\n", "(CMAKE_C_COMPILER " + target.C.Compiler() + ")", "target " + target.Name + " in",
			"(CMAKE_CROSSCOMPILING_EMULATOR " + strings.Join(target.User.Command(), ";")}
		if len(target.C.Flags) > 0 {
			wants = append(wants, fmt.Sprintf("(CMAKE_C_FLAGS_INIT %q)", strings.Join(target.C.Flags, " ")))
		} else if strings.Contains(text, "FLAGS_INIT") {
			t.Errorf("%s.cmake has flags that the table has not", name)
		}
		for _, lib := range target.C.Libs {
			wants = append(wants, fmt.Sprintf("(CMAKE_C_STANDARD_LIBRARIES %q)", lib))
		}
		if static := strings.Contains(text, `LINKER_FLAGS_INIT "-static"`); static != target.C.Static {
			t.Errorf("%s.cmake: static is %v, want %v", name, static, target.C.Static)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s.cmake lacks %q", name, want)
			}
		}
	}
}

// TestToolchainsBuildTheCLibrary builds bindings/c as somebody's own program would be, and
// runs the examples: the consumer must read what the publisher writes.
func TestToolchainsBuildTheCLibrary(t *testing.T) {
	for name := range toolchains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, target := toolchain(t, name)
			for tool, packages := range map[string]string{"cmake": "cmake make", "make": "make", target.C.Compiler(): target.C.Package, target.User.Program: "qemu-user-static"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("needs %s: apt-get install %s", tool, packages)
				}
			}
			build := t.TempDir()
			file, err := filepath.Abs("cmake/" + name + ".cmake")
			if err != nil {
				t.Fatal(err)
			}
			must(t, exec.Command("cmake", "-S", "../bindings/c", "-B", build, "-DCMAKE_TOOLCHAIN_FILE="+file))
			must(t, exec.Command("cmake", "--build", build))
			publishAndRead(t, emulatorOf(t, build), build)
		})
	}
}

var emulatorLine = regexp.MustCompile(`set\(CMAKE_CROSSCOMPILING_EMULATOR ([^)]+)\)`)

// emulatorOf is the emulator that CMake took from the toolchain file.
func emulatorOf(t *testing.T, build string) []string {
	t.Helper()
	cache, err := os.ReadFile(filepath.Join(build, "CMakeCache.txt"))
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`CMAKE_TOOLCHAIN_FILE:[A-Z]+=(.*)`).FindSubmatch(cache)
	if file == nil {
		t.Fatal("CMake's cache names no toolchain file")
	}
	text, err := os.ReadFile(string(file[1]))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(emulatorLine.FindSubmatch(text)[1]), ";")
}

func publishAndRead(t *testing.T, emulator []string, build string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	env := append(os.Environ(), "TISM_DIR="+t.TempDir())
	start := func(program string, stdout *os.File) {
		cmd := exec.CommandContext(ctx, emulator[0], append(slices.Clone(emulator[1:]), filepath.Join(build, program))...)
		cmd.Env, cmd.Stdout, cmd.Stderr = env, stdout, os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cancel()
			_ = cmd.Wait() // killed: both would run for ever
		})
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	start("publisher", nil)
	start("consumer", write)
	write.Close()
	lines := bufio.NewScanner(read)
	for range 2 {
		if !lines.Scan() || !strings.Contains(lines.Text(), "q1 = ") {
			t.Fatalf("the consumer prints %q (%v, %v), want an update", lines.Text(), lines.Err(), ctx.Err())
		}
	}
}

func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return string(out)
}
