package machine

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepare makes the emulator die with this process and with all that it has started.
func prepare(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
}

// startOn starts a command on one CPU: the slot-th of those that this process may use.
func startOn(slot int, cmd *exec.Cmd) error {
	runtime.LockOSThread() // affinity is the thread's, and inherited from it
	defer runtime.UnlockOSThread()
	var mine unix.CPUSet
	if err := unix.SchedGetaffinity(0, &mine); err != nil {
		return err
	}
	if one, ok := pick(mine, slot); ok {
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return err
		}
		defer func() { _ = unix.SchedSetaffinity(0, &mine) }()
	}
	return cmd.Start()
}

func pick(from unix.CPUSet, slot int) (one unix.CPUSet, ok bool) {
	n := from.Count()
	if n == 0 {
		return one, false
	}
	for cpu, left := 0, slot%n; ; cpu++ {
		if !from.IsSet(cpu) {
			continue
		}
		if left == 0 {
			one.Set(cpu)
			return one, true
		}
		left--
	}
}

// exitCode is the shell's: 128 and the signal for a process that one has ended.
func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
