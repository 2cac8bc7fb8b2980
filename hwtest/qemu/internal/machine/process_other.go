//go:build !linux

package machine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

func prepare(*exec.Cmd) {}

func startOn(int, *exec.Cmd) error {
	return fmt.Errorf("%w: emulation needs Linux", errors.ErrUnsupported)
}

func exitCode(s *os.ProcessState) int { return s.ExitCode() }
