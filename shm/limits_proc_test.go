//go:build linux

package shm_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/shm"
)

func init() {
	helpers["small tmpfs"] = fillUp
	helpers["few descriptors"] = runOutOfDescriptors
	helpers["little locked memory"] = lockTooMuch
}

// fillUp fills a small tmpfs in a mount namespace of its own. Args: directory to mount it on.
func fillUp(a *actor) {
	dir := a.args[0]
	must(a, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		a.say("cannot mount: %v", err)
		return
	}
	a.say("mounted")
	first := create(a, dir, *stamped[[8192]uint64](1))
	c := open[[8192]uint64](a, dir)
	var err error
	var more []*shm.Publisher[[8192]uint64]
	for i := 0; err == nil; i++ {
		var p *shm.Publisher[[8192]uint64]
		if p, err = shm.Create(fmt.Sprint("more", i), *stamped[[8192]uint64](1), shm.InDir(dir)); err == nil {
			more = append(more, p)
		}
	}
	wantErr(a, "create on a full tmpfs", err, syscall.ENOSPC)
	if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "free") {
		a.Errorf("the error does not say where and how much is free: %v", err)
	}
	verify(a, "topics on the full tmpfs", len(list(a, dir)), len(more)+1)
	if len(more) == 0 {
		a.Error("there was room for one topic only")
	}
	free, owned := freeBytes(a, dir), len(possessions())
	_, err = shm.Create("too much", *stamped[[8192]uint64](1), shm.InDir(dir))
	wantErr(a, "another create on a full tmpfs", err, syscall.ENOSPC)
	verify(a, "free bytes after it", freeBytes(a, dir), free)
	verify(a, "descriptors and mappings after it", len(possessions()), owned)
	// Full to the last page.
	rest, err := os.Create(dir + "/rest")
	must(a, err)
	for err == nil {
		_, err = rest.Write(make([]byte, 4096))
	}
	must(a, rest.Close())
	// What exists uses every byte that it has, in each of its buffers.
	for _, p := range append(more, first) {
		for number := uint64(2); number < 20; number++ {
			must(a, p.WriteFrom(stamped[[8192]uint64](number)))
		}
	}
	u, err := c.Next(a.Context())
	must(a, err)
	verify(a, "value on a full tmpfs", u.Value, *stamped[[8192]uint64](19))
	must(a, more[0].Remove())
	again, err := shm.Create("again", *stamped[[8192]uint64](1), shm.InDir(dir))
	must(a, err)
	must(a, again.Remove())
	a.say("done")
}

func freeBytes(t testing.TB, dir string) uint64 {
	var s unix.Statfs_t
	must(t, unix.Statfs(dir, &s))
	return s.Bfree * uint64(s.Bsize)
}

// A full file system is an error when a topic is created, and never a fault later.
func TestFullTmpfs(t *testing.T) {
	c := spawnIn(t, syscall.CLONE_NEWNS, "small tmpfs", t.TempDir())
	if line := c.hear(); line != "mounted" {
		t.Skip(line)
	}
	c.expect("done")
	c.finish()
}

// runOutOfDescriptors opens until it may no more. Args: directory.
func runOutOfDescriptors(a *actor) {
	dir := shm.InDir(a.args[0])
	must(a, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}))
	var all []*shm.Consumer[[8]uint64]
	var err error
	for err == nil {
		var c *shm.Consumer[[8]uint64]
		if c, err = shm.Open[[8]uint64]("topic", dir); err == nil {
			all = append(all, c)
		}
	}
	_, create := shm.Create("another", *stamped[[8]uint64](1), dir)
	_, mem := shm.CreateMem("mem", *stamped[[8]uint64](1))
	_, wait := shm.WaitOpen[[8]uint64](a.Context(), "absent", dir)
	_, clone := all[0].Clone()
	_, stat := shm.Stat("topic", dir)
	for what, err := range map[string]error{"open": err, "create": create, "create in a memfd": mem, "wait to open": wait, "clone": clone, "stat": stat} {
		wantErr(a, what+" without descriptors", err, syscall.EMFILE)
		if !strings.Contains(err.Error(), "RLIMIT_NOFILE") {
			a.Errorf("%s: %v does not say what to raise", what, err)
		}
	}
	_, err = all[0].Read()
	must(a, err)
	for _, c := range all {
		must(a, c.Close())
	}
	must(a, open[[8]uint64](a, a.args[0]).Close())
	a.say("done after %d", len(all))
}

// A process that has all descriptors that it may have gets an error that says so, and can
// go on.
func TestNoDescriptors(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, *stamped[[8]uint64](1))
	c := spawn(t, "few descriptors", dir)
	var n int
	c.hearf("done after %d", &n)
	c.finish()
	verify(t, "consumers that are left", len(list(t, dir)[0].Consumers), 0)
}

// lockTooMuch locks memory beyond RLIMIT_MEMLOCK. Args: directory, which others can write to.
func lockTooMuch(a *actor) {
	dir := shm.InDir(a.args[0])
	must(a, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 512 << 10, Max: 512 << 10}))
	if os.Geteuid() == 0 {
		becomeNobody(a) // root is not limited
	}
	small := create(a, a.args[0], *stamped[[8]uint64](1), dir, shm.LockMemory())
	must(a, writeNext(small))
	_, err := shm.Create("large", *stamped[[8192]uint64](1), dir, shm.Buffers(15), shm.LockMemory())
	wantErr(a, "create", err, shm.ErrMemoryLock)
	if !strings.Contains(fmt.Sprint(err), "RLIMIT_MEMLOCK") {
		a.Errorf("%v does not say what to raise", err)
	}
	verify(a, "topics", len(list(a, a.args[0])), 1)

	large, err := shm.Create("large", *stamped[[8192]uint64](1), dir, shm.Buffers(15))
	must(a, err)
	_, err = shm.Open[[8192]uint64]("large", dir, shm.LockMemory())
	wantErr(a, "open", err, shm.ErrMemoryLock)
	must(a, large.Close())
	_, err = shm.Create("large", *stamped[[8192]uint64](2), dir, shm.Buffers(15), shm.LockMemory())
	wantErr(a, "take over", err, shm.ErrMemoryLock)
	c, err := shm.Open[[8192]uint64]("large", dir, shm.AllowClosed())
	must(a, err)
	v, err := c.Read()
	must(a, err)
	verify(a, "what the failed takeover left", v[0], 1)
	verify(a, "its state", c.State(), shm.Closed)
	must(a, c.Close())
	a.say("done")
}

// More locked memory than RLIMIT_MEMLOCK allows is an error that says what to raise, and
// changes nothing.
func TestMemoryLockLimit(t *testing.T) {
	dir := public(t)
	must(t, os.Chmod(dir, 0o777))
	c := spawn(t, "little locked memory", dir)
	c.expect("done")
	c.finish()
}
