//go:build linux && (amd64 || arm64)

package shm_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/shm"
)

// "Killed at any instruction" as a test: a child process runs one operation under
// ptrace, single-stepped, and is killed after its first instruction; the next child
// after its second; and so on until one gets to the end of the operation. After each
// death the survivors must find everything in order.
//
// On arm64 without LSE a single step breaks a load-exclusive loop, which never ends
// then: the swap of notify is the only one in these operations. Such CPUs skip.

// stepEnv in the environment makes the test binary the child: "operation dir seq".
const stepEnv = "TISM_TEST_STEP"

func init() {
	if spec := os.Getenv(stepEnv); spec != "" {
		runtime.LockOSThread() // init runs on the main thread: its ID is the process's
		stepChild(strings.SplitN(spec, " ", 3))
	}
}

// stepChild prepares an operation, says "r", waits for a byte, runs the operation, says
// "d", and runs on until it is killed. Between the bytes it makes raw system calls only, so
// that what is stepped is the operation and little else.
func stepChild(spec []string) {
	seq, err := strconv.ParseUint(spec[1], 10, 64)
	var operation func()
	if err == nil {
		operation, err = stepOperation(spec[0], spec[2], seq)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	buf := [1]byte{'r'}
	rawByte(syscall.SYS_WRITE, 1, &buf)
	rawByte(syscall.SYS_READ, 0, &buf)
	operation()
	buf[0] = 'd'
	rawByte(syscall.SYS_WRITE, 1, &buf)
	for spin := uint64(1); spin != 0; spin++ { // steps beyond the end must not block, and some runs end early
	}
}

func stepOperation(name, dir string, seq uint64) (func(), error) {
	name, buffers, _ := strings.Cut(name, "/")
	n, err := strconv.Atoi(buffers)
	if err != nil {
		return nil, err
	}
	opts := []shm.Option{shm.InDir(dir), shm.Buffers(n)}
	if name == "publish" {
		p, err := shm.Create("topic", at(seq), opts...)
		v := at(seq + 1)
		return func() { _ = p.WriteFrom(&v) }, err
	}
	c, err := shm.Open[attitude]("topic", opts...)
	return func() {
		if g, err := c.RLock(); err == nil {
			_ = g.Unlock()
		}
	}, err
}

func TestKilledPublisherAtEveryInstruction(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			needStepping(t)
			dir := t.TempDir()
			must(t, create(t, dir, at(0), shm.Buffers(n)).Close())
			c := open[attitude](t, dir, shm.AllowClosed())
			torn, last := 0, uint64(0)
			steps := eachStep(t, func(k int) string { return fmt.Sprintf("publish/%d %d %s", n, 2*k, dir) }, func(k int) {
				v, err := c.Read()
				if n == 1 && errors.Is(err, shm.ErrTorn) {
					torn++
					return
				}
				must(t, err)
				if v != at(uint64(2*k)) && v != at(uint64(2*k+1)) {
					t.Fatalf("step %d: read %v", k, v)
				}
				if c.Info().Number < last {
					t.Fatalf("step %d: number %d after %d", k, c.Info().Number, last)
				}
				last = c.Info().Number
			})
			t.Logf("%d instructions, torn after %d of them", steps, torn)
			if n == 1 && torn == 0 {
				t.Error("no kill hit the write in place: the test does not reach what it is for")
			}
		})
	}
}

func TestKilledConsumerAtEveryInstruction(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			needStepping(t)
			dir := t.TempDir()
			p := create(t, dir, at(0), shm.Buffers(n), shm.Slots(1))
			steps := eachStep(t, func(k int) string { return fmt.Sprintf("guard/%d 0 %s", n, dir) }, func(k int) {
				for i := range 2 * n { // as many as it takes to need every buffer
					must(t, p.Write(at(uint64(i))))
				}
			})
			t.Logf("%d instructions", steps)
		})
	}
}

// needStepping skips where a process cannot be stepped.
func needStepping(t *testing.T) {
	if testing.Short() {
		t.Skip("a process for each instruction takes some seconds")
	}
	if runtime.GOARCH == "arm64" && !hasAtomics() {
		t.Skip("a CPU without LSE atomics cannot be stepped through them")
	}
	if os.Getenv("TISM_EXEC_PREFIX") != "" {
		t.Skip("qemu-user has no ptrace")
	}
}

func hasAtomics() bool {
	b, err := os.ReadFile("/proc/cpuinfo")
	return err == nil && strings.Contains(string(b), " atomics")
}

// eachStep runs a child for each number of instructions until one gets to the end of
// its operation, and calls verify after each death.
func eachStep(t *testing.T, spec func(k int) string, verify func(k int)) int {
	t.Helper()
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	const limit = 5000
	for k := range limit {
		done := stepAndKill(t, spec(k), k)
		verify(k)
		if done {
			return k
		}
	}
	t.Fatalf("the operation takes more than %d instructions", limit)
	return 0
}

// stepAndKill lets a child execute k instructions and kills it. It reports whether the
// operation was over by then.
func stepAndKill(t *testing.T, spec string, k int) bool {
	t.Helper()
	in, out := pipe(t), pipe(t)
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"step"}, &syscall.ProcAttr{
		Env:   append(os.Environ(), stepEnv+"="+spec, "GODEBUG=asyncpreemptoff=1", "GOGC=off"),
		Files: []uintptr{in.r.Fd(), out.w.Fd(), 2},
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Skipf("ptrace: %v", err)
	}
	defer reap(t, pid)
	waitStop(t, pid) // at its first instruction
	hideVDSO(t, pid)
	must(t, syscall.PtraceDetach(pid))
	must(t, out.w.Close())
	must(t, in.r.Close())
	defer in.w.Close()
	defer out.r.Close()
	if b := readByte(t, out.r); b != 'r' {
		t.Fatalf("the child says %q, not that it is ready", b)
	}
	signal := stopThreads(t, pid)
	_, err = in.w.Write([]byte{'g'})
	must(t, err)
	for range k {
		must(t, ptraceStep(pid, signal))
		signal = waitStop(t, pid)
	}
	poll := []unix.PollFd{{Fd: int32(out.r.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	must(t, err)
	return n > 0
}

// stopThreads stops every thread of the child and returns the signal that the main one is to
// get. Only that one will be stepped: to the others it would seem to hog its CPU, and the
// runtime's monitor would have its goroutine rescheduled in the middle of the operation.
func stopThreads(t *testing.T, pid int) (signal int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	must(t, err)
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		must(t, err)
		must(t, unix.PtraceSeize(tid))
		must(t, unix.PtraceInterrupt(tid))
		if s := waitStop(t, tid); tid == pid {
			signal = s
		}
	}
	return signal
}

// reap kills the child and takes its exit status, and those of its traced threads: before them
// it has none. They are all that this thread has to wait for.
func reap(t *testing.T, pid int) {
	t.Helper()
	must(t, syscall.Kill(pid, syscall.SIGKILL))
	for {
		var ws unix.WaitStatus
		ended, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		if err != nil && err != unix.EINTR {
			t.Fatalf("waiting for the child: %v", err)
		}
		if err == nil && ended == pid && (ws.Signaled() || ws.Exited()) {
			return
		}
	}
}

// waitStop waits until the child stops and returns the signal that it is to get.
func waitStop(t *testing.T, pid int) int {
	t.Helper()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		must(t, err)
		break
	}
	if !ws.Stopped() {
		t.Fatalf("the child ended: %v", ws)
	}
	if s := ws.StopSignal(); s != unix.SIGTRAP {
		return int(s)
	}
	return 0
}

func ptraceStep(pid, signal int) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SINGLESTEP, uintptr(pid), 0, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

type pipeEnds struct{ r, w *os.File }

func pipe(t *testing.T) pipeEnds {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	return pipeEnds{r, w}
}

func readByte(t *testing.T, f *os.File) byte {
	t.Helper()
	var b [1]byte
	must(t, f.SetReadDeadline(time.Now().Add(30*time.Second)))
	_, err := f.Read(b[:])
	must(t, err)
	return b[0]
}
