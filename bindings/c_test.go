//go:build linux

package bindings_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The C implementation by itself.

// run runs a command with topics in a directory of its own and returns what it printed.
func run(t *testing.T, dir string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "TISM_DIR="+dir)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, text)
	}
	return string(text)
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

func TestUnitC(t *testing.T) {
	forBuilds(t, func(t *testing.T, tc toolchain) { run(t, t.TempDir(), tc.program(t, "unit.c")...) })
}

// Nobody who sleeps relies on looking again by himself.
func TestWakesC(t *testing.T) {
	forBuilds(t, func(t *testing.T, tc toolchain) { run(t, t.TempDir(), tc.program(t, "wakes.c")...) })
}

func TestUnitValgrind(t *testing.T) {
	t.Parallel()
	needs(t, "valgrind")
	argv := []string{"valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--trace-children=yes"}
	text := run(t, t.TempDir(), append(argv, native.program(t, "unit.c")...)...)
	if strings.Contains(text, "definitely lost") {
		t.Errorf("valgrind says\n%s", text)
	}
}

func TestHeaderInCPlusPlus(t *testing.T) {
	for _, cxx := range []string{"g++", "clang++"} {
		for _, std := range []string{"c++11", "c++20"} {
			t.Run(cxx+" "+std, func(t *testing.T) {
				t.Parallel()
				needs(t, cxx)
				native.needed(t)
				dir := t.TempDir()
				library, err := native.build(native.name+"-tism.o", []string{"-c", "c/tism.c"})
				if err != nil {
					t.Fatal(err)
				}
				run(t, dir, cxx, "-std="+std, "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror",
					"-Ic", "c/tests/types.cc", library, "-o", dir+"/types", "-pthread")
				topics := t.TempDir()
				run(t, topics, dir+"/types")
			})
		}
	}
}

// A program for TISM may include nothing but its header.
func TestHeaderAlone(t *testing.T) {
	t.Parallel()
	needs(t, "gcc")
	source := filepath.Join(t.TempDir(), "alone.c")
	text := `#include "tism.h"
tism_result_t once(char *name) {
	tism_borrowed_shared_memory_t shm;
	uint8_t value;
	TISM_MBIND(tism_wait_and_open(&shm, name));
	while (!tism_borrowed_has_changed(&shm)) {
		usleep(1000);
	}
	TISM_MBIND(tism_borrowed_read(&shm, &value));
	return tism_borrowed_close(&shm);
}
pthread_mutex_t lock;
int protection = PROT_READ;
`
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, t.TempDir(), "gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Ic", source)
}

// What cannot be shared does not compile.
func TestBadFieldsDoNotCompile(t *testing.T) {
	t.Parallel()
	needs(t, "gcc", "g++")
	for _, field := range []string{"const char *x", "long double x", "int x[3]", "struct { int y; } x"} {
		for cc, file := range map[string]string{"gcc": "bad.c", "g++": "bad.cc"} {
			source := filepath.Join(t.TempDir(), file)
			text := "#include \"tism.h\"\nstruct s { " + field + "; };\ntypedef struct s s_t;\n" +
				"const tism_field_t f[] = {TISM_FIELD(s_t, x)};\n"
			if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(cc, "-fsyntax-only", "-Ic", source).CombinedOutput(); err == nil {
				t.Errorf("%s takes a field %s\n%s", cc, field, out)
			}
		}
	}
}

// Installed, the library is found by pkg-config and by CMake, and the examples run.
func TestInstall(t *testing.T) {
	t.Parallel()
	needs(t, "cmake", "pkg-config", "gcc", "make")
	source, err := filepath.Abs("c")
	if err != nil {
		t.Fatal(err)
	}
	build, prefix := t.TempDir(), t.TempDir()
	run(t, build, "cmake", "-S", source, "-B", build, "-DCMAKE_INSTALL_PREFIX="+prefix,
		"-DCMAKE_INSTALL_LIBDIR=lib", "-DCMAKE_C_FLAGS=-Wall -Wextra -Wconversion -Werror")
	run(t, build, "cmake", "--build", build)
	run(t, build, "cmake", "--install", build)

	flags := strings.Fields(run(t, build, "env", "PKG_CONFIG_PATH="+prefix+"/lib/pkgconfig", "pkg-config", "--cflags", "--libs", "tism"))
	args := append([]string{"gcc", "-std=c11", "-o", build + "/classic-installed", "c/examples/classic.c"}, flags...)
	run(t, build, args...)
	topics := t.TempDir()
	for range 2 { // a second run behaves as the first
		if got := run(t, topics, build+"/classic-installed"); got != "altitude 120\naltitude 130, speed 30 after 2 writes\n" {
			t.Errorf("classic prints\n%s", got)
		}
	}

	project := t.TempDir()
	text := "cmake_minimum_required(VERSION 3.13)\nproject(user C)\nfind_package(tism REQUIRED)\n" +
		"add_executable(user " + source + "/examples/classic.c)\ntarget_link_libraries(user PRIVATE tism::tism)\n"
	if err := os.WriteFile(project+"/CMakeLists.txt", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, build, "cmake", "-S", project, "-B", project, "-DCMAKE_PREFIX_PATH="+prefix)
	run(t, build, "cmake", "--build", project)
	run(t, topics, project+"/user")
	testExamples(t, build)
}

// testExamples runs the two programs together.
func testExamples(t *testing.T, build string) {
	topics := t.TempDir()
	consumer := exec.Command(build + "/consumer")
	consumer.Env = append(os.Environ(), "TISM_DIR="+topics)
	var seen strings.Builder
	consumer.Stdout, consumer.Stderr = &seen, &seen
	if err := consumer.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = consumer.Process.Kill() })
	defer timer.Stop()
	// A consumer that starts after the publisher's end waits for the next one.
	done := make(chan error, 1)
	go func() { done <- consumer.Wait() }()
	for {
		run(t, topics, build+"/publisher", "2")
		select {
		case err := <-done:
			if err != nil || !strings.Contains(seen.String(), "closed by its publisher") {
				t.Errorf("consumer: %v\n%s", err, seen.String())
			}
			return
		default:
		}
	}
}
