package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A crew is the processes of a run.
type crew struct {
	run     string
	part    Part     // what all have in common
	command []string // of this program, with the words of TISM_EXEC_PREFIX before it
	members map[string]*member
	lost    context.CancelCauseFunc // called when one ends that should not
}

// A member is one process.
type member struct {
	role     string
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      io.ReadCloser
	expected atomic.Bool // its end is
	ended    chan struct{}
	err      error // of Wait, once ended is closed
}

// execPrefix names the environment variable with the words that go before the command
// line of each process.
const execPrefix = "TISM_EXEC_PREFIX"

func newCrew(d Demo) (*crew, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	run := newRun()
	return &crew{
		run:     run,
		part:    Part{run: run, rate: d.Rate, duration: d.Duration, plain: d.Plain},
		command: append(strings.Fields(os.Getenv(execPrefix)), self),
		members: make(map[string]*member),
		lost:    func(error) {},
	}, nil
}

// watch returns a context that ends, too, when a member ends that should not.
func (c *crew) watch(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, c.lost = context.WithCancelCause(ctx)
	return ctx, func() { c.lost(nil) }
}

// why is err, or what ended the context behind it.
func (c *crew) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

func (c *crew) startAll() error {
	for _, role := range []string{roleBoard, roleEstimator, roleMonitor} {
		if err := c.start(role); err != nil {
			return err
		}
	}
	return nil
}

func (c *crew) pid(role string) int { return c.members[role].cmd.Process.Pid }

func (c *crew) start(role string) error {
	part := c.part
	part.Role = role
	words := append(c.command[:len(c.command):len(c.command)], part.args()...)
	m := &member{role: role, cmd: exec.Command(words[0], words[1:]...), ended: make(chan struct{})}
	m.cmd.Stdout, m.cmd.Stderr = os.Stdout, os.Stderr
	m.cmd.SysProcAttr = dieWithParent()
	if err := m.begin(); err != nil {
		m.closePipes()
		return fmt.Errorf("starting the %s: %w", role, err)
	}
	c.members[role] = m
	go m.wait(c.lost)
	return nil
}

// begin starts the process, with pipes if it is the estimator.
func (m *member) begin() error {
	if m.role != roleEstimator {
		return m.cmd.Start()
	}
	stdin, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer stdout.Close()
	m.cmd.Stdin, m.cmd.Stdout = stdin, stdout
	m.in, m.out = in, out
	return m.cmd.Start()
}

func (m *member) wait(lost context.CancelCauseFunc) {
	m.err = m.cmd.Wait()
	if !m.expected.Load() {
		lost(fmt.Errorf("the %s ended: %v", m.role, m.cmd.ProcessState))
	}
	close(m.ended)
}

// kill sends SIGKILL, and waits until the kernel has cleared up after the process.
func (m *member) kill() error {
	m.expected.Store(true)
	if err := m.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("killing the %s: %w", m.role, err)
	}
	<-m.ended
	m.closePipes()
	return nil
}

func (m *member) closePipes() {
	if m.in != nil {
		m.in.Close()
		m.out.Close()
	}
}

// stop ends all, the monitor first so that it does not report the end of the others.
func (c *crew) stop() error {
	var errs []error
	for _, role := range []string{roleMonitor, roleEstimator, roleBoard} {
		if m := c.members[role]; m != nil {
			errs = append(errs, m.stop())
		}
	}
	return errors.Join(errs...)
}

// stopTime is how long a process may take to end before it is killed.
const stopTime = 10 * time.Second

func (m *member) stop() error {
	defer m.closePipes()
	m.expected.Store(true)
	err := m.cmd.Process.Signal(syscall.SIGTERM)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the %s: %w", m.role, err)
	}
	select {
	case <-m.ended:
		return nil
	case <-time.After(stopTime):
		err := fmt.Errorf("the %s did not end for %v after SIGTERM", m.role, stopTime)
		return errors.Join(err, m.kill())
	}
}
