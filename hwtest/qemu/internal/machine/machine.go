// Package machine runs programs under QEMU: under qemu-user on this kernel, and on kernels
// that qemu-system boots.
package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/hwtest/qemu/internal/guest"
	"github.com/tism-go/tism/hwtest/qemu/internal/initramfs"
	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
)

// ErrHung is wrapped by errors of an emulator that says nothing in time.
var ErrHung = errors.New("the emulated machine hangs")

// ErrNoEmulator is wrapped when QEMU is not installed.
var ErrNoEmulator = errors.New("no emulator")

// UserPackage is Debian's package with the programs of boards.User.
const UserPackage = "qemu-user-static"

// A Program is what runs on a machine.
type Program struct {
	Name    string
	Path    string   // on the host
	Dir     string   // to run it in, within the sources: "shm"
	Args    []string // GuestPath stands for where a program of that name lies in the guest
	Timeout time.Duration
}

// GuestPath is where a program of the plan lies on a booted machine.
func (p Program) GuestPath() string { return path.Join("/tism", p.Dir, p.Name) }

// A Result is what became of a program.
type Result struct {
	Code int
	Late bool
	Took time.Duration
}

// Watch is told what happens while it happens. The output of programs goes to Output.
type Watch struct {
	Output io.Writer
	Begin  func(job int)
	End    func(job int, r Result)
}

// Find is the path of an emulator, or an error that says what to install.
func Find(program, pkg string) (string, error) {
	found, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%w: %s is not here; apt-get install %s, or use the Docker image", ErrNoEmulator, program, pkg)
	}
	return found, nil
}

// User runs a program under qemu-user on one CPU: QEMU lets a load-acquire pass an earlier
// store-release on several (docs/ARCHITECTURE.md).
func User(ctx context.Context, u boards.User, p Program, dir string, slot int, w Watch) (Result, error) {
	if _, err := Find(u.Program, UserPackage); err != nil {
		return Result{}, err
	}
	prefix := u.Command()
	args := append(slices.Clone(prefix[1:]), p.Path)
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, prefix[0], append(args, p.Args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TISM_EXEC_PREFIX="+strings.Join(prefix, " "))
	cmd.Stdout, cmd.Stderr = w.Output, w.Output
	prepare(cmd)
	start := time.Now()
	if err := startOn(slot, cmd); err != nil {
		return Result{}, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	err := cmd.Wait()
	r := Result{Took: time.Since(start), Late: errors.Is(ctx.Err(), context.DeadlineExceeded), Code: exitCode(cmd.ProcessState)}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !r.Late {
		return r, fmt.Errorf("running %s: %w", p.Name, err)
	}
	return r, nil
}

// A Boot is one start of an emulated machine, with everything that runs on it.
type Boot struct {
	System   boards.System
	Image    kernels.Image
	Init     string // the program of package initd for it
	Programs []Program
	Files    []initramfs.File // that the programs read
}

// Report is what a booted machine told.
type Report struct {
	Facts   map[string]string // "kernel", "page", "cpus", "rt", "model"
	Results []Result          // of the programs that ended
}

// boot and power-off on a busy host take no longer than this many times the table's guide.
const patience = 12

// Run boots the machine, runs the programs, and ends it.
func (b Boot) Run(ctx context.Context, w Watch) (Report, error) {
	report := Report{Facts: map[string]string{}}
	emulator, err := Find(b.System.Program, b.System.Package)
	if err != nil {
		return report, err
	}
	scratch, err := os.MkdirTemp("", "tism-qemu-")
	if err != nil {
		return report, err
	}
	defer os.RemoveAll(scratch)
	archive := filepath.Join(scratch, "initramfs.cpio")
	plan := b.plan()
	if err := b.write(archive, plan); err != nil {
		return report, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := exec.CommandContext(ctx, emulator, Args(b.System, b.Image, archive)...)
	prepare(cmd)
	c := &console{token: plan.Token, watch: w, report: &report, plan: plan}
	// The deadline moves on with what the machine tells: one for the start, then one a job.
	boot := time.Duration(max(b.System.Seconds, 5)) * patience * time.Second
	c.deadline = time.AfterFunc(boot, func() { cancel(ErrHung) })
	defer c.deadline.Stop()
	c.wait = boot
	c.done = func() { time.AfterFunc(5*time.Second, func() { cancel(errDone) }) }
	cmd.Stdout, cmd.Stderr = c, c
	err = cmd.Run()
	c.flush()
	switch {
	case c.finished:
		return report, nil
	case errors.Is(context.Cause(ctx), ErrHung):
		return report, fmt.Errorf("%w: nothing from %s within %v", ErrHung, b.System.Machine, c.wait)
	case ctx.Err() != nil:
		return report, ctx.Err()
	case err != nil:
		return report, fmt.Errorf("running %s: %w", b.System.Program, err)
	}
	return report, fmt.Errorf("%s ended before the programs did (a kernel panic?)", b.System.Program)
}

var errDone = errors.New("done")

func (b Boot) plan() guest.Plan {
	plan := guest.Plan{Token: guest.NewToken()}
	for _, p := range b.Programs {
		plan.Jobs = append(plan.Jobs, guest.Job{Name: p.Name, Path: p.GuestPath(), Args: p.Args, Dir: path.Join("/tism", p.Dir), Timeout: p.Timeout})
	}
	return plan
}

func (b Boot) write(archive string, plan guest.Plan) error {
	text, err := plan.Encode()
	if err != nil {
		return err
	}
	files := []initramfs.File{{Path: "init", From: b.Init, Mode: 0o755}, {Path: guest.PlanPath, Data: text}}
	for _, p := range b.Programs {
		files = append(files, initramfs.File{Path: p.GuestPath(), From: p.Path, Mode: 0o755})
	}
	files = append(files, b.Files...)
	out, err := os.Create(archive)
	if err != nil {
		return err
	}
	return errors.Join(initramfs.Write(out, files), out.Close())
}

// Args is QEMU's command line.
func Args(s boards.System, image kernels.Image, archive string) []string {
	args := []string{"-M", s.Machine}
	if s.CPU != "" {
		args = append(args, "-cpu", s.CPU)
	}
	if s.CPUs > 0 {
		args = append(args, "-smp", fmt.Sprint(s.CPUs))
	}
	if s.Accel != "" {
		args = append(args, "-accel", s.Accel)
	}
	if s.Icount != "" {
		args = append(args, "-icount", s.Icount)
	}
	args = append(args, "-m", fmt.Sprint(s.Memory), "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot", "-kernel", image.Kernel, "-initrd", archive)
	if s.DTB != "" {
		args = append(args, "-dtb", image.Tree(s.DTB))
	}
	serial := s.Serial
	if len(serial) == 0 {
		serial = []string{"stdio"}
	}
	for _, to := range serial {
		args = append(args, "-serial", to)
	}
	words := append([]string{"console=" + s.Console, "quiet", "panic=-1", "rdinit=/init"}, s.Append...)
	return append(args, "-append", strings.Join(words, " "))
}

// A console reads what the machine prints.
type console struct {
	token    string
	watch    Watch
	report   *Report
	plan     guest.Plan
	deadline *time.Timer
	wait     time.Duration
	done     func()
	finished bool
	rest     []byte
}

func (c *console) Write(b []byte) (int, error) {
	c.rest = append(c.rest, b...)
	for {
		line, rest, ok := bytes.Cut(c.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		c.line(string(line) + "\n")
		c.rest = bytes.Clone(rest)
	}
}

func (c *console) flush() {
	if len(c.rest) > 0 {
		c.line(string(c.rest))
	}
	c.rest = nil
}

func (c *console) line(line string) {
	line = strings.ReplaceAll(line, "\r", "")
	before, m, ok := guest.Parse(line, c.token)
	if !ok {
		_, _ = io.WriteString(c.watch.Output, line)
		return
	}
	if before != "" {
		_, _ = io.WriteString(c.watch.Output, before+"\n")
	}
	switch m.Kind {
	case guest.Fact:
		key, value, _ := strings.Cut(m.Text, " ")
		c.report.Facts[key] = value
	case guest.Fault:
		fmt.Fprintln(c.watch.Output, "init:", m.Text)
	case guest.Begin:
		if m.Job < len(c.plan.Jobs) {
			// The guest ends a late job itself; its host waits a little longer.
			c.wait = c.plan.Jobs[m.Job].Timeout + time.Minute
			c.deadline.Reset(c.wait)
			c.watch.Begin(m.Job)
		}
	case guest.End:
		r := Result{Code: m.Code, Late: m.Late, Took: m.Took}
		c.report.Results = append(c.report.Results, r)
		c.watch.End(m.Job, r)
	case guest.Done:
		c.finished = true
		c.done()
	}
}
