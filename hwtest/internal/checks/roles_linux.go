package checks

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

// Who is alive is the kernel's word: locks of open file descriptions on bytes of a file.

var roleTests = []suite.Test{
	{Name: "locks/death", About: "the kernel lets go of a killed process's byte", Run: lockDeath},
	{Name: "locks/opens", About: "two opens of a file are two owners, a duplicate is the same one, and closing another open frees nothing", Run: lockOpens},
	{Name: "locks/query", About: "who may only read can ask whether a byte is held", Run: lockQuery},
	{Name: "locks/inherited", About: "a descriptor that leaked into a child keeps the byte, until the child is gone", Run: lockInherited},
}

const roleByte = 1 << 30

func init() {
	proc.Role("locker", func(a *proc.Actor) error {
		f, err := os.OpenFile(a.Args[0], os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := lockByte(f, roleByte, unix.F_WRLCK); err != nil {
			return err
		}
		a.Say("locked")
		a.Hear()
		return f.Close()
	})
	proc.Role("keeper", func(a *proc.Actor) error { // of a descriptor that it inherited
		a.Say("keeps")
		a.Hear()
		return nil
	})
}

func openForLocks(t *suite.T, path string, flag int) *os.File {
	f, err := os.OpenFile(path, flag, 0o600)
	t.Must(err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func lockFile(t *suite.T) (path string, f *os.File) {
	path = t.TempDir() + "/file"
	return path, openForLocks(t, path, os.O_RDWR|os.O_CREATE)
}

func lockDeath(t *suite.T) {
	path, f := lockFile(t)
	rounds := t.Times(100, 10)
	for range rounds {
		c, err := proc.Start("locker", []any{path})
		t.Must(err)
		t.Cleanup(c.Kill)
		t.Must(c.Expect("locked"))
		t.Is("taking the byte of a live process", lockByte(f, roleByte, unix.F_WRLCK), unix.EAGAIN)
		c.Kill()
		if err := lockByte(f, roleByte, unix.F_WRLCK); err != nil {
			t.Fatalf("taking the byte of a dead process: %v", err)
		}
		t.Must(lockByte(f, roleByte, unix.F_UNLCK))
	}
	t.Count("kills", rounds)
}

func lockOpens(t *suite.T) {
	path, f := lockFile(t)
	other := openForLocks(t, path, os.O_RDWR)
	t.Must(lockByte(f, roleByte, unix.F_WRLCK))
	t.Is("taking the byte through another open", lockByte(other, roleByte, unix.F_WRLCK), unix.EAGAIN)
	t.Must(lockByte(other, roleByte+1, unix.F_WRLCK)) // a neighbour is free

	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	t.Must(err)
	dup := os.NewFile(uintptr(fd), path)
	t.Must(lockByte(dup, roleByte, unix.F_WRLCK)) // the same owner
	t.Must(dup.Close())
	t.Is("taking the byte after a duplicate was closed", lockByte(other, roleByte, unix.F_WRLCK), unix.EAGAIN)

	// A classic lock would be gone as soon as the process closes any open of the file.
	t.Must(openForLocks(t, path, os.O_RDWR).Close())
	t.Is("taking the byte after an unrelated close", lockByte(other, roleByte, unix.F_WRLCK), unix.EAGAIN)
	t.Must(f.Close())
	t.Must(lockByte(other, roleByte, unix.F_WRLCK))
}

func lockQuery(t *suite.T) {
	path, f := lockFile(t)
	reader := openForLocks(t, path, os.O_RDONLY)
	kind, _, err := lockedBy(reader, roleByte)
	t.Must(err)
	if kind != unix.F_UNLCK {
		t.Errorf("a free byte counts as held (type %d)", kind)
	}
	t.Must(lockByte(f, roleByte, unix.F_WRLCK))
	kind, pid, err := lockedBy(reader, roleByte)
	t.Must(err)
	if kind != unix.F_WRLCK {
		t.Errorf("a held byte counts as free (type %d)", kind)
	}
	if pid != -1 {
		t.Errorf("the owner is said to be PID %d, not -1 as for an open file description", pid)
	}
	if err := lockByte(reader, roleByte+1, unix.F_WRLCK); err == nil {
		t.Errorf("a descriptor for reading took a byte for writing")
	}
}

func lockInherited(t *suite.T) {
	path, f := lockFile(t)
	t.Must(lockByte(f, roleByte, unix.F_WRLCK))
	c, err := proc.Start("keeper", nil, proc.Files(f))
	t.Must(err)
	t.Cleanup(c.Kill)
	t.Must(c.Expect("keeps"))
	t.Must(f.Close())
	other := openForLocks(t, path, os.O_RDWR)
	t.Is("taking the byte of an inherited descriptor", lockByte(other, roleByte, unix.F_WRLCK), unix.EAGAIN)
	c.Kill()
	t.Must(lockByte(other, roleByte, unix.F_WRLCK))
}
