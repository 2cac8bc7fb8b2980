//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/shm"
)

// nobody is another user than the one who runs the tests.
const nobody = 65534

func init() {
	helpers["stranger"] = stranger
	helpers["read-only mount"] = readFromReadOnlyMount
}

// becomeNobody gives root's rights up. An exec as another user would not do: the test's
// binary is in a directory of root's.
func becomeNobody(t testing.TB) {
	must(t, syscall.Setgroups(nil))
	must(t, syscall.Setgid(nobody))
	must(t, syscall.Setuid(nobody))
}

// needRoot skips a test that has to become somebody else.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
}

// public returns a directory that other users can look into, but not write to.
func public(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
	must(t, os.Chmod(os.TempDir(), 0o755))
	return dir
}

// stranger does as another user what its topic's mode allows. Args: directory, mode.
func stranger(a *actor) {
	becomeNobody(a)
	dir := shm.InDir(a.args[0])
	_, err := shm.Create("mine", *stamped[[8]uint64](1), dir)
	verify(a, "create in a directory of root's", errors.Is(err, fs.ErrPermission), true)
	switch a.args[1] {
	case "0600":
		_, err := shm.Open[[8]uint64]("topic", dir)
		verify(a, "open a private topic", errors.Is(err, fs.ErrPermission), true)
		_, err = shm.Stat("topic", dir)
		verify(a, "stat of a private topic", errors.Is(err, fs.ErrPermission), true)
		all, err := shm.List(dir)
		must(a, err)
		verify(a, "list names the private topic", len(all) == 1 && all[0].Name == "topic" && all[0].Err != nil, true)
		a.say("refused")
		return
	case "0644":
		_, err := shm.Create("topic", *stamped[[8]uint64](1), dir)
		verify(a, "create over a topic of root's", errors.Is(err, fs.ErrPermission), true)
		verify(a, "remove a topic of root's", errors.Is(shm.Remove("topic", dir), fs.ErrPermission), true)
	}
	c := open[[8]uint64](a, a.args[0])
	v, err := c.Read()
	must(a, err)
	verify(a, "value", v[0], 1)
	s, err := shm.Stat("topic", dir)
	must(a, err)
	verify(a, "number by stat", s.Number, 1)
	verify(a, "state by stat", s.State, shm.Alive)
	verify(a, "state", c.State(), shm.Alive)
	clone, err := c.Clone()
	must(a, err)
	must(a, clone.Close())
	g, err := c.RLock()
	if c.CanWrite() {
		must(a, err)
		must(a, g.Unlock())
	} else {
		verify(a, "RLock with read permission: "+reason(err), errors.Is(err, shm.ErrReadOnly), true)
		err := c.View(func(*[8]uint64) { a.Error("a view with read permission") })
		verify(a, "View with read permission: "+reason(err), errors.Is(err, shm.ErrReadOnly), true)
	}
	a.say("has slot: %v", c.CanWrite())
	for number := uint64(2); number < 5; number++ {
		u, err := c.Next(a.Context())
		must(a, err)
		verify(a, "next value", u.Value, *stamped[[8]uint64](number))
		a.say("next %d", number)
	}
	_, err = c.Next(a.Context())
	a.say("%s, %v", reason(err), c.State())
}

// Another user with only read permission can read, wait and inspect, and is told what it
// cannot do; with write permission it is a full consumer; without any it is refused.
func TestOtherUser(t *testing.T) {
	needRoot(t)
	for mode, slot := range map[fs.FileMode]string{0o600: "", 0o644: "has slot: false", 0o666: "has slot: true"} {
		for _, buffers := range []int{1, 4} {
			t.Run(fmt.Sprintf("mode=%o/buffers=%d", mode, buffers), func(t *testing.T) {
				dir := public(t)
				p := create(t, dir, *stamped[[8]uint64](1), shm.Mode(mode), shm.Buffers(buffers))
				c := spawn(t, "stranger", dir, fmt.Sprintf("%04o", mode))
				if slot == "" {
					c.expect("refused")
					c.finish()
					return
				}
				c.expect(slot)
				for number := 2; number < 5; number++ {
					must(t, writeNext(p))
					c.expect(fmt.Sprint("next ", number))
				}
				must(t, p.Close())
				c.expect("closed, closed")
				c.finish()
			})
		}
	}
}

// Two users share a topic that both may write to; the one publishes when the other is done.
func TestOtherUserTakesOver(t *testing.T) {
	needRoot(t)
	dir := public(t)
	p := create(t, dir, *stamped[[8]uint64](1), shm.Mode(0o666))
	c := open[[8]uint64](t, dir)
	_, err := c.Read()
	must(t, err)
	must(t, p.Close())
	heir := spawn(t, "successor", dir)
	heir.expect("published")
	u, err := c.NextTimeout(patience)
	must(t, err)
	verify(t, "number", u.Number, 2)
	verify(t, "state", c.State(), shm.Alive)
	heir.finish()
	verify(t, "state after the end", c.State(), shm.Closed)
}

func init() {
	helpers["successor"] = func(a *actor) {
		becomeNobody(a)
		create(a, a.args[0], *stamped[[8]uint64](2))
		a.say("published")
		a.hear()
	}
}

// readFromReadOnlyMount opens a topic through a directory that is mounted read-only, as containers
// often have it. Args: the directory of the topic, and one to mount it on.
func readFromReadOnlyMount(a *actor) {
	dir, mount := a.args[0], a.args[1]
	must(a, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	err := unix.Mount(dir, mount, "", unix.MS_BIND, "")
	if err == nil {
		err = unix.Mount("", mount, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	if err != nil {
		a.say("cannot mount: %v", err)
		return
	}
	p := create(a, dir, *stamped[[8]uint64](1))
	c := open[[8]uint64](a, mount)
	verify(a, "has slot", c.CanWrite(), false)
	_, err = c.Read()
	must(a, err)
	must(a, writeNext(p))
	u, err := c.Next(a.Context())
	must(a, err)
	verify(a, "value", u.Value, *stamped[[8]uint64](2))
	_, err = shm.Create("another", *stamped[[8]uint64](1), shm.InDir(mount))
	wantErr(a, "create", err, syscall.EROFS)
	verify(a, "the error says what to do", strings.Contains(err.Error(), "TISM_DIR"), true)
	a.say("done")
}

// A file system that is mounted read-only still allows to read and wait.
func TestReadOnlyMount(t *testing.T) {
	c := spawnIn(t, syscall.CLONE_NEWNS, "read-only mount", t.TempDir(), t.TempDir())
	if line := c.hear(); line != "done" {
		t.Skip(line)
	}
	c.finish()
}
