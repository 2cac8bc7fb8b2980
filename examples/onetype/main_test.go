//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// The consumers in other languages see what is published here.
func TestConsumers(t *testing.T) {
	if os.Getenv("TISM_EXEC_PREFIX") != "" {
		t.Skip("needs no emulator: the consumers are of this machine's architecture")
	}
	for name, build := range map[string]func(*testing.T) []string{"C": buildC, "Python": findPython, "Rust": buildRust} {
		t.Run(name, func(t *testing.T) { testConsumer(t, build(t)) })
	}
}

func testConsumer(t *testing.T, argv []string) {
	t.Setenv("TISM_DIR", t.TempDir())
	consumer := exec.Command(argv[0], argv[1:]...)
	consumer.Stderr = os.Stderr
	out, err := consumer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := consumer.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = consumer.Process.Kill() })
	defer timer.Stop()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- publish(ctx, -1, time.Millisecond) }()
	lines := 0
	for s := bufio.NewScanner(out); s.Scan(); lines++ {
		var n int
		if _, err := fmt.Sscanf(s.Text(), "%d:", &n); err != nil {
			t.Errorf("it prints %q", s.Text())
		}
		want := fmt.Sprintf("%d: yaw %.2f rad/s, 24.5 V, -7 C", n, float64(n)/4)
		if n > 0 && s.Text() != want { // 0 is the first value, which Create publishes
			t.Errorf("it prints %q, want %q", s.Text(), want)
		}
		if lines == 5 {
			cancel() // closes the topic, which ends the consumer
		}
	}
	if err := consumer.Wait(); err != nil || lines < 5 {
		t.Errorf("the consumer ended with %v after %d lines", err, lines)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
}

func buildC(t *testing.T) []string {
	needs(t, "gcc")
	program := t.TempDir() + "/consumer"
	build(t, "gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", "../../bindings/c", "-o", program,
		"c/consumer.c", "../../bindings/c/tism.c", "-pthread")
	return []string{program}
}

func findPython(t *testing.T) []string {
	needs(t, "python3")
	if err := exec.Command("python3", "-c", "import tism").Run(); err != nil {
		t.Skip("needs the Python package tism: bindings/python, in PYTHONPATH or installed")
	}
	return []string{"python3", "python/consumer.py"}
}

func buildRust(t *testing.T) []string {
	needs(t, "cargo", "gcc")
	if _, err := os.Stat("../../bindings/rust/Cargo.toml"); err != nil {
		t.Skip("needs bindings/rust")
	}
	target := t.TempDir()
	build(t, "cargo", "build", "-q", "--offline", "--manifest-path", "rust/Cargo.toml", "--target-dir", target)
	return []string{target + "/debug/consumer"}
}

func build(t *testing.T, argv ...string) {
	t.Helper()
	if text, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, text)
	}
}
