package checks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// Files without names, watches, pages and limits.

var kernelTests = []suite.Test{
	{Name: "memfd/seals", About: "a memfd's size can be sealed, and another process opens it anew", Run: memfdSeals},
	{Name: "inotify/appear", About: "who waits for a topic wakes when it appears, and when a successor takes it over", Run: inotifyAppear},
	{Name: "memory/pages", About: "areas map with this kernel's pages, a stray store to a value faults in the consumer alone", Run: memoryPages},
	{Name: "memory/full", About: "a full file system is ENOSPC at create, and no fault later", Run: memoryFull},
	{Name: "memory/lock", About: "locking more memory than allowed is an error that says what to raise", Run: memoryLock},
	{Name: "clock/cores", About: "CLOCK_MONOTONIC does not run backwards from one CPU to another", Time: 2 * time.Second, Run: clockCores},
}

func init() {
	proc.Role("memfd", openMemfd)
	proc.Role("stray", strayStore)
	proc.Role("full", fillUp)
	proc.Role("locked", lockTooMuch)
	proc.Role("appear", waitForTopic)
}

func memfdSeals(t *suite.T) {
	p, err := shm.CreateMem("mem", *stamped[[8]uint64](1))
	t.Must(err)
	defer p.Close()
	f, err := p.File()
	t.Must(err)
	defer f.Close()
	for _, size := range []int64{0, 1 << 30} {
		if err := f.Truncate(size); !errors.Is(err, unix.EPERM) {
			t.Errorf("changing the size of a sealed memfd to %d: %v, want EPERM", size, err)
		}
	}
	c, err := proc.Start("memfd", nil, proc.Files(f))
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("read 1"))
	t.Must(p.WriteFrom(stamped[[8]uint64](2)))
	t.Must(c.Expect("read 2"))
	_, err = c.Finish()
	t.Must(err)
}

func openMemfd(a *proc.Actor) error {
	c, err := shm.OpenFile[[8]uint64](os.NewFile(3, "mem"))
	if err != nil {
		return err
	}
	for range 2 {
		u, err := c.NextTimeout(patience)
		if err != nil {
			return err
		}
		a.Say("read %d", u.Value[0])
	}
	return c.Close()
}

// waitForTopic waits for a topic, and then for its next publisher. Argument: directory.
func waitForTopic(a *proc.Actor) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a.Say("waits")
	for range 2 {
		c, err := shm.WaitOpen[[8]uint64](ctx, topic, shm.InDir(a.Args[0]))
		if err != nil {
			return err
		}
		a.Say("open")
		a.Hear() // it is closed now
		if err := c.Close(); err != nil {
			return err
		}
		a.Say("waits")
	}
	return nil
}

func inotifyAppear(t *suite.T) {
	dir := t.TempDir()
	c, err := proc.Start("appear", []any{dir})
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("waits"))
	var longest time.Duration
	for range 2 {
		t.Eventually("the child sleeps", func() bool { return sleepsInFutex(c.PID()) })
		start := time.Now()
		p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir))
		t.Must(err)
		t.Must(c.Expect("open"))
		longest = max(longest, time.Since(start))
		t.Must(p.Close())
		c.Send("closed")
		t.Must(c.Expect("waits"))
	}
	_, err = c.Finish()
	t.Must(err)
	t.Figure("slowest", float64(longest), "ns", report.Lower)
}

// strayStore writes to the value under its guard, which must end this process. Argument: directory.
func strayStore(a *proc.Actor) error {
	c, err := shm.Open[[8]uint64](topic, shm.InDir(a.Args[0]))
	if err != nil {
		return err
	}
	g, err := c.RLock()
	if err != nil {
		return err
	}
	a.Say("stores")
	g.Value()[0] = 42
	a.Say("survived")
	return nil
}

func memoryPages(t *suite.T) {
	page := os.Getpagesize()
	if page > 64<<10 || 64<<10%page != 0 {
		t.Fatalf("pages of %d bytes: the areas of a topic begin at multiples of 64 KiB", page)
	}
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir), shm.Prefault())
	t.Must(err)
	defer p.Close()
	c, err := proc.Start("stray", []any{dir})
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("stores"))
	if line, err := c.Hear(); err == nil {
		t.Errorf("after a store to a value in a consumer's mapping: it %s, and should have died of a fault", line)
	} else if !strings.Contains(err.Error(), "SIGSEGV") && !strings.Contains(err.Error(), "fault") {
		t.Errorf("a store to a value in a consumer's mapping: %v, want a fault", err)
	}
	v, err := p.Read()
	t.Must(err)
	t.Must(whole(&v, 1))
	var st unix.Stat_t
	t.Must(unix.Stat(dir+"/"+topic, &st))
	t.Figure("page", float64(page), "B", "")
	t.Figure("memory of a small topic", float64(st.Blocks*512), "B", report.Lower)
}

// fillUp mounts a tmpfs in a namespace of its own and fills it with topics. Argument: directory.
func fillUp(a *proc.Actor) error {
	dir := a.Args[0]
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2M"); err != nil {
		a.Say("mounting a tmpfs: %v", err)
		return nil
	}
	a.Say("mounted")
	var all []*shm.Publisher[[8192]uint64]
	var err error
	for err == nil && len(all) < 100 {
		var p *shm.Publisher[[8192]uint64]
		if p, err = shm.Create(fmt.Sprint("topic", len(all)), *stamped[[8192]uint64](1), shm.InDir(dir)); err == nil {
			all = append(all, p)
		}
	}
	if !errors.Is(err, unix.ENOSPC) || len(all) == 0 {
		return fmt.Errorf("creating topic %d on a tmpfs of 2 MiB: %v, want ENOSPC", len(all), err)
	}
	rest, err := os.Create(dir + "/rest")
	for err == nil {
		_, err = rest.Write(make([]byte, 4096))
	}
	// What exists uses every byte that it has, in each of its buffers.
	for _, p := range all {
		for number := uint64(2); number < 10; number++ {
			if err := p.WriteFrom(stamped[[8192]uint64](number)); err != nil {
				return err
			}
		}
	}
	a.Say("%d", len(all))
	return nil
}

func memoryFull(t *suite.T) {
	c, err := proc.Start("full", []any{t.TempDir()}, proc.Attr(ownMounts))
	if err != nil {
		t.Skipf("needs root or user namespaces, for a tmpfs of its own: %v", err)
	}
	t.Cleanup(c.Kill)
	line, err := c.Hear()
	t.Must(err)
	if line != "mounted" {
		t.Skipf("needs a tmpfs of its own: %s", line)
	}
	var n int
	t.Must(c.Scan("%d", &n))
	_, err = c.Finish()
	t.Must(err)
	t.Count("topics until ENOSPC", n)
}

// ownMounts gives a child mounts of its own: with a user namespace where this user is not root.
func ownMounts(attr *syscall.SysProcAttr) {
	attr.Unshareflags |= syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
}

// lockTooMuch lowers the limit, and its rights if it is root, who has none. Argument: directory.
func lockTooMuch(a *proc.Actor) error {
	const limit = 512 << 10
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(a.Args[0], 0o777), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
			return err
		}
	}
	dir := shm.InDir(a.Args[0])
	p, err := shm.Create("small", *stamped[[8]uint64](1), dir, shm.LockMemory())
	if err != nil {
		return fmt.Errorf("locking a small topic: %w", err)
	}
	if err := p.WriteFrom(stamped[[8]uint64](2)); err != nil {
		return err
	}
	_, err = shm.Create("large", *stamped[[8192]uint64](1), dir, shm.Buffers(15), shm.LockMemory())
	if !errors.Is(err, shm.ErrMemoryLock) || !strings.Contains(err.Error(), "RLIMIT_MEMLOCK") {
		return fmt.Errorf("locking 1 MB where %d bytes are allowed: %v, want ErrMemoryLock that names the limit", limit, err)
	}
	a.Say("refused")
	return p.Remove()
}

func memoryLock(t *suite.T) {
	dir := t.TempDir()
	t.Must(os.Chmod(t.Dir, 0o711)) // the child becomes another user
	c, err := proc.Start("locked", []any{dir})
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("refused"))
	_, err = c.Finish()
	t.Must(err)
}

// clockCores passes the time back and forth: who gets it must not find that it is still earlier.
func clockCores(t *suite.T) {
	var b baton
	rounds := race(t, t.Part(1), b.side(0), b.side(1))
	t.Count("handovers", rounds)
}
