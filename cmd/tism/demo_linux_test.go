package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// both collects what a command and all its children write, until the last of them has
// ended.
func both(t *testing.T, cmd *exec.Cmd) (out *os.File) {
	t.Helper()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	return out
}

// readUntil reads on until it has seen the pattern or the end.
func readUntil(t *testing.T, r io.Reader, seen *bytes.Buffer, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	buf := make([]byte, 4096)
	for !re.Match(seen.Bytes()) {
		n, err := r.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v while waiting for %q in:\n%s", err, pattern, seen)
		}
	}
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("left behind: %s", e.Name())
	}
}

// checkSummary checks the lines of a summary against patterns, one for each.
func checkSummary(t *testing.T, output string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)^" + p).MatchString(output) {
			t.Errorf("no line %q in:\n%s", p, output)
		}
	}
}

var wholeSummary = []string{
	`ok    both topics flowed: board \d+ values, [\d.]+ Hz, \d+ missed; estimate \d+ values`,
	`ok    the estimator \(PID \d+\) was killed by SIGKILL after [\d.]+ m?s, in mid-write`,
	`ok    its successor \(PID \d+\) took the topic over after [\d.]+ m?s and went on with number \d+`,
	`ok    the others carried on, nobody reopened a topic`,
	`ok    all \d+ values were checked: 0 torn, 0 out of order`,
	`ok    nothing is left in /`,
}

// Two demos at the same time, in the same directory, do not disturb each other.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := command(t, dir, "demo", "--duration", "1s", "--rate", "20")
	otherOut := both(t, other)
	out, err := command(t, dir, "demo", "--duration", "2s").CombinedOutput()
	if err != nil {
		t.Errorf("demo: %v", err)
	}
	rest, _ := io.ReadAll(otherOut)
	if err := other.Wait(); err != nil {
		t.Errorf("the other demo: %v\n%s", err, rest)
	}
	checkSummary(t, string(rest), wholeSummary...)
	checkSummary(t, string(out), wholeSummary...)
	checkSummary(t, string(out),
		`t=[\d.]+s topic=board state=alive pid=\d+ number=\d+ rate=[\d.]+Hz age=\S+ p50=\S+ p99=\S+ missed=\d+ torn=0 cpu_load=\S+ memory=[\d.]+%`,
		`t=[\d.]+s topic=estimate state=`,
		`t=[\d.]+s event=estimate PID \d+ died; its last whole value, number \d+, stays`,
		`t=[\d.]+s event=estimate PID \d+ took over`)
	if strings.Contains(string(out), "\x1b") {
		t.Errorf("escape sequences in plain output:\n%q", out)
	}
	checkEmpty(t, dir)
}

func TestDemoEndedBySignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := command(t, dir, "demo", "--duration", "0")
			out := both(t, cmd)
			var seen bytes.Buffer
			readUntil(t, out, &seen, "topic=estimate")
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_, _ = seen.ReadFrom(out) // until all its processes have ended
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("demo after %v: %v, want status 1", sig, err)
			}
			checkSummary(t, seen.String(), `ok    ended by a signal`, `--    the estimator was not killed`,
				`ok    nothing is left in`, `tism: the demo was ended before it had shown everything`)
			checkEmpty(t, dir)
		})
	}
}

// Nobody is left to clean up but the orphans.
func TestDemoKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := command(t, dir, "demo", "--duration", "1m")
	out := both(t, cmd)
	var seen bytes.Buffer
	readUntil(t, out, &seen, "topic=estimate")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = seen.ReadFrom(out)
	_ = cmd.Wait()
	checkEmpty(t, dir)
}

// A part that dies of itself ends the demo, with its name.
func TestDemoLosesPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := command(t, dir, "demo", "--duration", "1m")
	out := both(t, cmd)
	var seen bytes.Buffer
	readUntil(t, out, &seen, `topic=board state=alive pid=\d+`)
	pid := 0
	if _, err := fmt.Sscan(regexp.MustCompile(`topic=board.*pid=(\d+)`).FindStringSubmatch(seen.String())[1], &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = seen.ReadFrom(out)
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("demo without its board: %v, want status 1", err)
	}
	checkSummary(t, seen.String(), `FAIL  the board ended: signal: killed`, `ok    nothing is left in`)
	checkEmpty(t, dir)
}

func TestDemoWithPrefix(t *testing.T) {
	t.Parallel()
	env, err := exec.LookPath("env")
	if err != nil {
		t.Skip("needs the command env:", err)
	}
	dir := t.TempDir()
	cmd := command(t, dir, "demo", "--duration", "1s")
	cmd.Env = append(cmd.Env, "TISM_EXEC_PREFIX="+env+" TISM_DIR="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("demo: %v", err)
	}
	checkSummary(t, string(out), wholeSummary...)
	checkEmpty(t, dir)
	cmd = command(t, dir, "demo", "--duration", "1s")
	cmd.Env = append(cmd.Env, "TISM_EXEC_PREFIX="+dir+"/nothing")
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "starting the board: ") {
		t.Errorf("demo with a bad prefix:\n%s", out)
	}
}

// On a terminal Ctrl-C reaches all processes at once.
func TestDemoOnTerminal(t *testing.T) {
	t.Parallel()
	terminal, user := openTerminal(t, 60, 14)
	dir := t.TempDir()
	cmd := command(t, dir, "demo", "--duration", "0")
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	var seen bytes.Buffer
	readUntil(t, user, &seen, `estimate  ● alive[^•]*estimate  ● alive`)
	if _, err := user.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	_, _ = seen.ReadFrom(user) // EIO once nobody has the terminal open
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("demo after Ctrl-C: %v, want status 1", err)
	}
	out := strings.ReplaceAll(seen.String(), "\r\n", "\n")
	picture, summary, found := strings.Cut(out, "\x1b[?25h")
	if !found {
		t.Errorf("the cursor was not given back:\n%q", out)
	}
	checkPicture(t, picture, 60, 14)
	checkSummary(t, summary, `ok    ended by a signal`, `ok    nothing is left in`)
	checkEmpty(t, dir)
}

// checkPicture checks that every picture, which begins where the cursor is hidden, fits
// the terminal.
func checkPicture(t *testing.T, pictures string, cols, rows int) {
	t.Helper()
	codes := regexp.MustCompile("\x1b\\[[?0-9;]*[A-Za-z]|[\r^C]")
	for i, p := range strings.Split(pictures, "\x1b[?25l")[1:] {
		lines := strings.Split(codes.ReplaceAllString(p, ""), "\n")
		if len(lines) > rows {
			t.Errorf("picture %d has %d lines, the terminal %d", i, len(lines), rows)
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > cols {
				t.Errorf("picture %d has a line of %d characters, the terminal %d: %q", i, n, cols, line)
			}
		}
	}
}

// openTerminal returns both ends of a pseudo terminal.
func openTerminal(t *testing.T, cols, rows uint16) (terminal, user *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs pseudo terminals:", err)
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: cols, Row: rows})
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs pseudo terminals:", err)
	}
	return terminal, user
}
