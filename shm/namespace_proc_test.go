//go:build linux

package shm_test

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/tism-go/tism/shm"
)

// spawnIn starts a child in new namespaces: as root, or in a user namespace where the
// kernel lets others have one. If it does not the test is skipped.
func spawnIn(t *testing.T, namespaces uintptr, role string, args ...any) *child {
	t.Helper()
	c, err := trySpawn(t, func(cmd *exec.Cmd) {
		cmd.SysProcAttr.Cloneflags = namespaces
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		}
	}, role, args...)
	for _, refusal := range []error{syscall.EPERM, syscall.EINVAL, syscall.ENOSPC, syscall.ENOSYS, syscall.EACCES} {
		if errors.Is(err, refusal) {
			t.Skipf("the kernel allows no new namespace: %v", err)
		}
	}
	must(t, err)
	return c
}

func init() { helpers["watcher"] = watch }

// watch tells its PID and each change of the topic's publisher. Args: directory.
func watch(a *actor) {
	c := open[[8]uint64](a, a.args[0])
	a.say("PID %d sees it %v", os.Getpid(), c.State())
	a.hear()
	a.say("%v", c.State())
	must(a, c.WaitPublisher(a.Context()))
	a.say("%v", c.State())
}

// Two PID namespaces share a topic. Who is alive and who is dead is known across, though
// both publishers may have the same number.
func TestPIDNamespaces(t *testing.T) {
	dir := t.TempDir()
	p := spawnIn(t, syscall.CLONE_NEWPID, "publisher", dir, 64, 2)
	p.send("create")
	p.expect("published 1 of 1")
	s, err := shm.Stat("topic", shm.InDir(dir))
	must(t, err)
	if s.PID != 1 {
		t.Skipf("the publisher has PID %d: not a namespace of its own", s.PID)
	}
	c := open[[8]uint64](t, dir)
	w := spawnIn(t, syscall.CLONE_NEWPID, "watcher", dir)
	w.expect("PID 1 sees it alive")

	_, err = shm.Create("topic", *stamped[[8]uint64](1), shm.InDir(dir), shm.Buffers(2))
	wantErr(t, "create beside a publisher of another namespace", err, shm.ErrLive)
	p.kill()
	verify(t, "state, from outside", c.State(), shm.Died)
	w.send("look")
	w.expect("died")

	successor := create(t, dir, *stamped[[8]uint64](2), shm.Buffers(2), shm.Timeout(patience))
	w.expect("alive")
	w.finish()

	// A consumer dies in there with a guard on the buffer that is needed next.
	h := spawnIn(t, syscall.CLONE_NEWPID, "holder", dir)
	h.expect("holds 2")
	h.kill()
	for number := uint64(3); number < 6; number++ {
		must(t, successor.WriteFrom(stamped[[8]uint64](number)))
	}
	v, err := c.Read()
	must(t, err)
	verify(t, "value", v[0], 5)
}
