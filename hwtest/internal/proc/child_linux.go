package proc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long a child may take to say what it must say.
const Patience = time.Minute

// A Child is a process that plays a role.
type Child struct {
	Role   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string // of its output; closed at the end
	stderr head
	wait   func() error
}

// An Option changes how a child is started.
type Option func(*exec.Cmd) error

// On keeps the child on these CPUs; without any it changes nothing.
func On(cpus ...int) Option {
	return func(cmd *exec.Cmd) error {
		if len(cpus) > 0 {
			words := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(cpus)), ","), "[]")
			cmd.Env = append(cmd.Env, cpusVariable+"="+words)
		}
		return nil
	}
}

// Executable starts another program in place of this one: a build of hwtest for another architecture,
// with the words of an emulator before it if this kernel does not run it.
func Executable(command string) Option {
	return func(cmd *exec.Cmd) error {
		words := strings.Fields(command)
		if len(words) == 0 {
			return nil
		}
		path, err := exec.LookPath(words[0])
		if err != nil {
			return err
		}
		own := len(strings.Fields(os.Getenv(PrefixVariable))) + 1
		cmd.Path, cmd.Args = path, append(words, cmd.Args[own:]...)
		return nil
	}
}

// Attr changes how the kernel starts the child.
func Attr(change func(*syscall.SysProcAttr)) Option {
	return func(cmd *exec.Cmd) error { change(cmd.SysProcAttr); return nil }
}

// Files are passed to the child as descriptors from 3 on.
func Files(files ...*os.File) Option {
	return func(cmd *exec.Cmd) error { cmd.ExtraFiles = files; return nil }
}

// Self returns the path to execute this program by. /proc/self/exe works even where the file was
// removed or another root was entered, but an emulator needs the name.
func Self() (string, error) {
	if os.Getenv(PrefixVariable) == "" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// Start starts a child.
func Start(role string, args []any, opts ...Option) (*Child, error) {
	self, err := Self()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", role, err)
	}
	words := append(strings.Fields(os.Getenv(PrefixVariable)), self)
	for _, a := range args {
		words = append(words, fmt.Sprint(a))
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role, "GOMAXPROCS=2", cpusVariable+"=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	for _, o := range opts {
		if err := o(cmd); err != nil {
			return nil, fmt.Errorf("starting %s: %w", role, err)
		}
	}
	c := &Child{Role: role, cmd: cmd, lines: make(chan string, 1000)}
	return c, c.start()
}

func (c *Child) start() error {
	in, err1 := c.cmd.StdinPipe()
	out, err2 := c.cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("starting %s: %w", c.Role, err)
	}
	c.cmd.Stderr = &c.stderr
	if err := c.cmd.Start(); err != nil {
		if errors.Is(err, unix.ENOEXEC) && c.cmd.Path == "/proc/self/exe" {
			err = fmt.Errorf("%w: under an emulator set %s to its command line", err, PrefixVariable)
		}
		return fmt.Errorf("starting %s: %w", c.Role, err)
	}
	c.in = in
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(c.lines)
		scan := bufio.NewScanner(out)
		scan.Buffer(nil, 16<<20) // a test's whole result is one line
		for scan.Scan() {
			c.lines <- scan.Text()
		}
	}()
	c.wait = sync.OnceValue(func() error {
		<-read
		return c.cmd.Wait()
	})
	return nil
}

// PID returns the child's process ID. (Under an emulator that is the emulator's.)
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Send tells the child a line. A child that is gone is found out by whoever hears.
func (c *Child) Send(format string, args ...any) { _, _ = fmt.Fprintf(c.in, format+"\n", args...) }

// Hear returns the child's next line. It is an error if the child ends first, or says nothing for
// Patience.
func (c *Child) Hear() (string, error) { return c.HearWithin(Patience) }

// HearWithin is Hear with another patience.
func (c *Child) HearWithin(d time.Duration) (string, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			return "", c.epitaph(c.wait())
		}
		return line, nil
	case <-timer.C:
		c.Abort()
		return "", fmt.Errorf("%s says nothing for %v\n%s", c.Role, d, c.stderr.String())
	}
}

// epitaph says how a child has ended. What it said itself comes first: of a failed test's reason a summary
// shows the first line.
func (c *Child) epitaph(err error) error {
	if err == nil {
		err = errors.New("exit status 0")
	}
	first, rest, _ := strings.Cut(c.stderr.String(), "\n")
	if first == "" {
		return fmt.Errorf("%s has ended: %w", c.Role, err)
	}
	return fmt.Errorf("%s (%w)\n%s", strings.TrimSpace(first), err, rest)
}

// Expect hears a line and insists on what it is.
func (c *Child) Expect(want string) error {
	got, err := c.Hear()
	if err == nil && got != want {
		err = fmt.Errorf("%s says %q, want %q", c.Role, got, want)
	}
	return err
}

// Scan hears a line and reads it as fmt.Sscanf does.
func (c *Child) Scan(format string, into ...any) error {
	line, err := c.Hear()
	if err != nil {
		return err
	}
	if _, err := fmt.Sscanf(line, format, into...); err != nil {
		return fmt.Errorf("%s says %q, want %q: %w", c.Role, line, format, err)
	}
	return nil
}

// End ends the child's input, as a sign to come to an end.
func (c *Child) End() { _ = c.in.Close() }

// Finish ends the child and insists that all was well. What it said last is returned.
func (c *Child) Finish() (last string, err error) {
	c.End()
	timer := time.AfterFunc(Patience, c.Abort)
	defer timer.Stop()
	for line := range c.lines {
		last = line
	}
	if err := c.wait(); err != nil {
		return last, c.epitaph(err)
	}
	return last, nil
}

// Kill ends the child with SIGKILL and returns when it is gone.
func (c *Child) Kill() {
	_ = c.cmd.Process.Kill()
	c.End()
	for range c.lines {
	}
	_ = c.wait()
}

// Abort ends a child that hangs with a dump of its goroutines.
func (c *Child) Abort() {
	_ = c.Signal(syscall.SIGCONT)
	_ = c.Signal(syscall.SIGQUIT)
	ended := make(chan struct{})
	go func() {
		for range c.lines {
		}
		_ = c.wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = c.cmd.Process.Kill()
		<-ended
	}
}

// Signal sends the child a signal.
func (c *Child) Signal(s syscall.Signal) error { return c.cmd.Process.Signal(s) }

// Stop stops the child (SIGSTOP) and returns when it stands still.
func (c *Child) Stop() error {
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for start := time.Now(); time.Since(start) < Patience; time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.PID()))
		if err != nil {
			return err
		}
		_, after, _ := bytes.Cut(text, []byte(") ")) // the command's name
		if bytes.HasPrefix(after, []byte("T")) {
			return nil
		}
	}
	return fmt.Errorf("%s does not stop", c.Role)
}

// Continue lets a stopped child go on.
func (c *Child) Continue() error { return c.Signal(syscall.SIGCONT) }

// A head keeps the first part of what is written to it: a crash says first why, and then at length where.
type head struct {
	mu   sync.Mutex
	text []byte
}

const headLen = 8 << 10

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), headLen-len(h.text))]...)
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimRight(string(h.text), "\n")
}
