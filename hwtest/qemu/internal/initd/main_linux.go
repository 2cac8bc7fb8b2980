// Command initd is the /init of an emulated machine: the only program there besides those
// under test. It mounts what they need, runs the plan's jobs one after the other, tells
// the runner about it in marker lines, and switches the machine off.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/hwtest/qemu/internal/guest"
)

// grace is how long a job whose time is up may take to dump its goroutines.
const grace = 10 * time.Second

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "initd is the first process of an emulated machine; 'go run ./hwtest/qemu' starts one")
		os.Exit(2)
	}
	run()
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	// A machine that can't be switched off is ended by the runner, which has been told.
	select {}
}

func run() {
	text, err := os.ReadFile("/" + guest.PlanPath)
	if err != nil {
		fmt.Println("initd:", err)
		return
	}
	plan, err := guest.Decode(text)
	if err != nil {
		fmt.Println("initd:", err)
		return
	}
	tell := func(m guest.Marker) { fmt.Printf("\n%s\n", m.Line(plan.Token)) }
	for _, err := range furnish() {
		tell(guest.Marker{Kind: guest.Fault, Text: err.Error()})
	}
	for _, fact := range facts() {
		tell(guest.Marker{Kind: guest.Fact, Text: fact})
	}
	for i, job := range plan.Jobs {
		tell(guest.Marker{Kind: guest.Begin, Job: i})
		m := execute(job)
		m.Kind, m.Job = guest.End, i
		tell(m)
	}
	tell(guest.Marker{Kind: guest.Done})
}

// furnish makes a Linux that programs find their way in.
func furnish() (faults []error) {
	for _, m := range []struct{ what, where, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/run", "mode=0755"},
		{"cgroup2", "/sys/fs/cgroup", ""},
	} {
		if err := os.MkdirAll(m.where, 0o755); err != nil {
			faults = append(faults, err)
		}
		err := unix.Mount(m.what, m.where, m.what, unix.MS_NOSUID, m.options)
		if err != nil && err != unix.EBUSY { // the kernel may have mounted /dev
			faults = append(faults, fmt.Errorf("mounting %s: %w", m.where, err))
		}
	}
	for link, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		_ = os.Symlink(to, "/dev/"+link)
	}
	_ = unix.Sethostname([]byte("emulated"))
	return faults
}

func facts() []string {
	var name unix.Utsname
	_ = unix.Uname(&name)
	all := []string{
		"kernel " + word(name.Release[:]),
		"machine " + word(name.Machine[:]),
		fmt.Sprint("page ", os.Getpagesize()),
		fmt.Sprint("cpus ", runtime.NumCPU()),
	}
	if strings.Contains(word(name.Version[:]), "PREEMPT_RT") {
		all = append(all, "rt yes")
	}
	if model, err := os.ReadFile("/sys/firmware/devicetree/base/model"); err == nil {
		all = append(all, "model "+word(model))
	}
	return all
}

func word(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}

// execute runs a job to its end, and ends it when its time is up: first with SIGQUIT, so
// that a Go program dumps its goroutines.
func execute(job guest.Job) (m guest.Marker) {
	start := time.Now()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return cannot(job, err)
	}
	defer null.Close()
	p, err := os.StartProcess(job.Path, append([]string{job.Path}, job.Args...), &os.ProcAttr{
		Dir:   job.Dir,
		Env:   append([]string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "USER=root", "TISM_EMULATED=qemu"}, job.Env...),
		Files: []*os.File{null, os.Stdout, os.Stdout},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return cannot(job, err)
	}
	var late atomic.Bool
	quit := time.AfterFunc(job.Timeout, func() {
		late.Store(true)
		_ = unix.Kill(p.Pid, unix.SIGQUIT)
	})
	kill := time.AfterFunc(job.Timeout+grace, func() { _ = unix.Kill(-p.Pid, unix.SIGKILL) })
	status := reap(p.Pid)
	quit.Stop()
	kill.Stop()
	_ = unix.Kill(-p.Pid, unix.SIGKILL) // whom it has left behind
	m.Code, m.Late, m.Took = exitCode(status), late.Load(), time.Since(start)
	return m
}

func cannot(job guest.Job, err error) guest.Marker {
	fmt.Printf("initd: starting %s: %v\n", job.Name, err)
	return guest.Marker{Code: 127}
}

// reap is the first process's duty: it waits for every process that lost its parent, not
// only for the one in question.
func reap(pid int) unix.WaitStatus {
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if got == pid && (status.Exited() || status.Signaled()) {
			return status
		}
		if err == unix.ECHILD {
			return status
		}
	}
}

func exitCode(s unix.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}
