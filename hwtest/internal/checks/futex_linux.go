package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/futex"
	"github.com/tism-go/tism/hwtest/internal/hist"
	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// What this kernel's futexes do.

var futexTests = []suite.Test{
	{Name: "futex/mismatch", About: "a wait for a value that the word does not have ends at once (EAGAIN), a misaligned word is EINVAL", Run: futexMismatch},
	{Name: "futex/timeout", About: "a wait ends no sooner than its timeout, and with ETIMEDOUT", Run: futexTimeout},
	{Name: "futex/signals", About: "signals end a wait early (EINTR) or not, and the library keeps its deadline either way", Run: futexSignals},
	{Name: "futex/wake-counts", About: "a wake wakes as many as it is asked to, and tells how many", Run: futexWakeCounts},
	{Name: "futex/processes", About: "a shared futex is woken from another process, through another mapping, also a read-only one", Run: futexProcesses},
	{Name: "futex/private", About: "a private wake does not reach a shared sleeper: both sides must use the same kind", Run: futexPrivateShared},
	{Name: "futex/waitv", About: "WaitAny sleeps on several topics, with futex_waitv or without", Run: futexWaitv},
}

func init() { proc.Role("sleeper", sleepOnFile) }

func futexMismatch(t *suite.T) {
	words := make([]byte, 16)
	word := wordsOf(words)
	t.Is("waiting for 1 while the word is 0", waitFutex(&word[0], 1, 0, time.Minute), unix.EAGAIN)
	t.Is("waiting on a misaligned word", waitFutex(misaligned(words), 0, 0, time.Minute), unix.EINVAL)
	if n := wakeFutex(&word[0], 1, 0); n != 0 {
		t.Errorf("a wake without sleepers returned %d", n)
	}
}

func futexTimeout(t *suite.T) {
	var word uint32
	var late hist.Hist
	const limit = 2 * time.Millisecond
	for range t.Times(200, 50) {
		start := time.Now()
		err := waitFutex(&word, 0, 0, limit)
		took := time.Since(start)
		if errors.Is(err, unix.EINTR) {
			continue // the runtime's own signals
		}
		t.Is("the wait", err, unix.ETIMEDOUT)
		if took < limit {
			t.Fatalf("a timeout of %v ended after %v", limit, took)
		}
		late.Add(took - limit)
	}
	t.Latency("late by", &late, false)
}

// futexSignals sleeps under a storm of signals.
func futexSignals(t *suite.T) {
	const length = 100 * time.Millisecond
	var word atomic.Uint32
	var interrupted int
	thread := make(chan int)
	over := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		for end := time.Now().Add(length); time.Now().Before(end); {
			var raw uint32
			if errors.Is(waitFutex(&raw, 0, 0, time.Until(end)), unix.EINTR) {
				interrupted++
			}
		}
		start := time.Now() // before the limit begins: this thread may lose its CPU between the two
		limit := futex.Within(context.Background(), length)
		defer limit.Stop()
		var err error
		for err == nil {
			err = limit.Wait(&word, 0)
		}
		if took := time.Since(start); took < length {
			err = fmt.Errorf("a limit of %v was over after %v (%v)", length, took, err)
		}
		over <- err
	}()
	tid, sent := <-thread, 0
	for {
		select {
		case err := <-over:
			t.Is("sleeping under a storm of signals", err, futex.ErrTimeout)
			t.Count("signals", sent)
			t.Count("waits interrupted", interrupted)
			return
		case <-time.After(time.Millisecond):
			t.Must(unix.Tgkill(os.Getpid(), tid, syscall.SIGURG)) // Go ignores it
			sent++
		}
	}
}

// sleepers start n threads that sleep on a word, which is 0, and tell their errors. It returns when the
// kernel says that all of them sleep.
func sleepers(t *suite.T, word *uint32, n int) chan error {
	ended, threads := make(chan error, n), make(chan int, n)
	for range n {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			threads <- unix.Gettid()
			for {
				if err := waitFutex(word, 0, 0, patience); !errors.Is(err, unix.EINTR) {
					ended <- err
					return
				}
			}
		}()
	}
	for range n {
		tid := <-threads
		t.Eventually("the sleeper sleeps", func() bool { return asleep(os.Getpid(), tid) })
	}
	return ended
}

func asleep(pid, tid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/stat", pid, tid))
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(after, "S")
}

// futexWakeCounts wakes one, one, and two of four. (A thread that sleeps elsewhere for a moment, in the
// runtime, makes a wake find fewer; it must never find more.)
func futexWakeCounts(t *suite.T) {
	word := new(uint32)
	ended := sleepers(t, word, 4)
	for _, n := range []int{1, 1, 2} {
		woken := 0
		t.Eventually(fmt.Sprintf("%d are woken", n), func() bool {
			got := wakeFutex(word, n-woken, 0)
			if got < 0 || got > n-woken {
				t.Fatalf("a wake for %d woke %d", n-woken, got)
			}
			woken += got
			return woken == n
		})
		for range n {
			t.Must(<-ended)
		}
	}
	if n := wakeFutex(word, 4, 0); n != 0 {
		t.Errorf("a wake after all were woken woke %d", n)
	}
}

// sleepOnFile sleeps on the first word of a file, which it maps itself, until it is woken. Arguments:
// path, "r" or "rw".
func sleepOnFile(a *proc.Actor) error {
	f, err := os.OpenFile(a.Args[0], map[string]int{"r": os.O_RDONLY, "rw": os.O_RDWR}[a.Args[1]], 0)
	if err != nil {
		return err
	}
	m, err := mapFile(f, a.Has("rw"))
	if err != nil {
		return err
	}
	a.Say("sleeps")
	for {
		err := waitFutex(&wordsOf(m)[0], 0, 0, patience)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil {
			a.Say("woken")
		} else {
			a.Say("%v", err)
		}
		return nil
	}
}

// wordInFile makes a file with a word, mapped.
func wordInFile(t *suite.T) (path string, word *uint32) {
	path = t.TempDir() + "/word"
	f, err := os.Create(path)
	t.Must(err)
	defer f.Close()
	t.Must(f.Truncate(int64(os.Getpagesize())))
	m, err := mapFile(f, true)
	t.Must(err)
	return path, &wordsOf(m)[0]
}

func futexProcesses(t *suite.T) {
	for _, how := range []string{"rw", "r"} {
		path, word := wordInFile(t)
		c, err := proc.Start("sleeper", []any{path, how})
		t.Must(err)
		t.Cleanup(c.Kill)
		t.Must(c.Expect("sleeps"))
		t.Eventually("a wake finds the sleeper in the other process (mapping "+how+")", func() bool { return wakeFutex(word, 1, 0) == 1 })
		t.Must(c.Expect("woken"))
	}
}

func futexPrivateShared(t *suite.T) {
	path, word := wordInFile(t)
	c, err := proc.Start("sleeper", []any{path, "rw"})
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("sleeps"))
	// It sleeps for sure once the kernel says so; only then a wake that finds nobody means something.
	t.Eventually("the child sleeps in futex", func() bool { return sleepsInFutex(c.PID()) })
	if n := wakeFutex(word, 1, futexPrivate); n != 0 {
		t.Errorf("a private wake reached %d sleepers of a shared futex", n)
	}
	t.Eventually("a shared wake finds it", func() bool { return wakeFutex(word, 1, 0) == 1 })
	t.Must(c.Expect("woken"))
}

// sleepsInFutex reports whether every thread of a process sleeps; where the kernel tells no more, that
// has to do.
func sleepsInFutex(pid int) bool {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false
	}
	for _, task := range tasks {
		if !asleep(pid, atoi(task.Name())) {
			return false
		}
	}
	return true
}

func futexWaitv(t *suite.T) {
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0, 0)
	if errno == unix.ENOSYS {
		t.Notef("this kernel has no futex_waitv (Linux 5.16): WaitAny sleeps with a goroutine on each topic")
	}
	const n = 3
	dir := shm.InDir(t.TempDir())
	var publishers []*shm.Publisher[[8]uint64]
	var consumers []shm.Waitable
	var reading []*shm.Consumer[[8]uint64]
	for i := range n {
		p, err := shm.Create(fmt.Sprint("topic", i), *stamped[[8]uint64](1), dir)
		t.Must(err)
		defer p.Close()
		c, err := shm.Open[[8]uint64](p.Name(), dir)
		t.Must(err)
		defer c.Close()
		_, err = c.Read()
		t.Must(err)
		publishers, consumers, reading = append(publishers, p), append(consumers, c), append(reading, c)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for round := range t.Times(300, 60) {
		want := round % n
		wrote := make(chan error)
		go func() {
			if round%2 == 0 {
				time.Sleep(500 * time.Microsecond) // so that the other one sleeps, mostly
			}
			wrote <- writeNext(publishers[want])
		}()
		got, err := shm.WaitAny(ctx, consumers...)
		t.Must(err)
		t.Must(<-wrote)
		if got != want {
			t.Fatalf("WaitAny returned topic %d, the news are on %d", got, want)
		}
		_, err = reading[want].Read()
		t.Must(err)
	}
	wakesArrive(t, "WaitAny", wakeWaitAny(ctx, publishers[n-1], consumers, reading[n-1]))
	t.Count("futex_waitv", map[bool]int{true: 0, false: 1}[errno == unix.ENOSYS])
}

// wakeWaitAny returns a function that lets WaitAny fall asleep and wakes it by a write, for wakesArrive.
func wakeWaitAny(ctx context.Context, p *shm.Publisher[[8]uint64], consumers []shm.Waitable, c *shm.Consumer[[8]uint64]) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		var wrote time.Time
		done := make(chan error)
		go func() {
			time.Sleep(deepSleep)
			wrote = time.Now()
			done <- writeNext(p)
		}()
		_, err := shm.WaitAny(ctx, consumers...)
		woken := time.Now()
		err = errors.Join(err, <-done)
		if err == nil {
			_, err = c.Read()
		}
		return woken.Sub(wrote), err
	}
}
