package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Every system call of the package but futex(2) is in the sys_*.go files.

// Roles are bytes of the segment's own file that an open file description locks
// (fcntl(2), F_OFD_SETLK): the kernel lets go when its holder dies.
const (
	roleBase      = 1 << 30
	signedByte    = roleBase - 2 // the publisher, once it has signed
	nameByte      = roleBase - 1 // whoever unlinks the file's name or retires it
	publisherByte = roleBase
)

func slotByte(i int) int64 { return roleBase + 1 + int64(i) }

// lockByte takes a byte if nobody else has it.
func lockByte(fd int, off int64) (bool, error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Start: off, Len: 1}
	switch err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk); {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return false, nil
	default:
		return false, fmt.Errorf("taking byte lock: %w", err)
	}
}

func unlockByte(fd int, off int64) {
	lk := unix.Flock_t{Type: unix.F_UNLCK, Start: off, Len: 1}
	_ = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk)
}

// unlockRoles gives up every role taken through the descriptor. Closing it would do that too,
// but not while a child that another thread has just forked, and that has not executed its
// program yet, holds a copy.
func unlockRoles(fd int) {
	lk := unix.Flock_t{Type: unix.F_UNLCK, Start: signedByte} // and all that follows
	_ = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lk)
}

// nextLocked returns the first byte in [off, off+n) that another open file
// description has locked, or -1. It disturbs nobody and works on a read-only
// descriptor.
func nextLocked(fd int, off, n int64) int64 {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Start: off, Len: n}
	if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lk); err != nil {
		return off // unknown: the living must not be taken for dead
	}
	if lk.Type == unix.F_UNLCK {
		return -1
	}
	return max(lk.Start, off)
}

// An identity is what tells one file from another.
type identity struct{ dev, ino uint64 }

// fileInfo is the part of stat(2) that the package looks at.
type fileInfo struct {
	identity
	size    int64
	links   uint64
	uid     uint32
	mode    fs.FileMode
	regular bool
}

func infoOf(st *unix.Stat_t) fileInfo {
	return fileInfo{
		identity: identity{uint64(st.Dev), uint64(st.Ino)},
		size:     st.Size,
		links:    uint64(st.Nlink),
		uid:      st.Uid,
		mode:     fs.FileMode(st.Mode & 0o777),
		regular:  st.Mode&unix.S_IFMT == unix.S_IFREG,
	}
}

func statFD(fd int) (fileInfo, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fileInfo{}, fmt.Errorf("stat: %w", err)
	}
	return infoOf(&st), nil
}

// statPath does not follow a symbolic link.
func statPath(path string) (fileInfo, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return fileInfo{}, fmt.Errorf("stat: %w", err)
	}
	return infoOf(&st), nil
}

// openFile opens what has the path, whatever it is, without waiting (a FIFO) or
// following (a symbolic link).
func openFile(path string, write bool) (int, error) {
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ELOOP):
		return -1, fmt.Errorf("%w: it is a symbolic link", ErrNotTopic)
	case errors.Is(err, unix.EISDIR):
		return -1, fmt.Errorf("%w: it is a directory", ErrNotTopic)
	case errors.Is(err, unix.ENXIO):
		return -1, fmt.Errorf("%w: it is a socket or device", ErrNotTopic)
	}
	return -1, explainOpen(err)
}

func explainOpen(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("%w: raise RLIMIT_NOFILE (ulimit -n)", err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: its owner can allow more with shm.Mode", err)
	}
	return err
}

func closeFD(fd int) { _ = unix.Close(fd) }

// reopen opens the file behind a descriptor anew: a new open file description,
// which has locks of its own.
func reopen(fd int, write bool) (int, error) {
	flags := unix.O_RDONLY
	if write {
		flags = unix.O_RDWR
	}
	n, err := unix.Open(procPath(fd), flags|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, fmt.Errorf("reopening descriptor %d needs /proc, which is not mounted: %w", fd, err)
	}
	if err != nil {
		return -1, explainOpen(err)
	}
	return n, nil
}

func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func readAt(fd int, p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(fd, p, off)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}

// tempFile makes an unnamed file in dir, which vanishes unless linkFile names it.
// Where the file system has no O_TMPFILE the file has a name for a moment, which
// the second result is.
func tempFile(dir string) (fd int, temp string, err error) {
	const flags = unix.O_RDWR | unix.O_CLOEXEC
	fd, err = unix.Open(dir, flags|unix.O_TMPFILE, 0o600)
	if err == nil && procMounted() {
		return fd, "", nil
	}
	if err == nil {
		closeFD(fd)
	} else if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.ENOENT) {
		return -1, "", explainDir(dir, err)
	}
	temp = fmt.Sprintf("%s/.tism-%d-%d", dir, os.Getpid(), Now())
	if fd, err = unix.Open(temp, flags|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600); err != nil {
		return -1, "", explainDir(dir, err)
	}
	return fd, temp, nil
}

func explainDir(dir string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("directory %s: %w: mount a tmpfs there, or set TISM_DIR", dir, err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EROFS):
		return fmt.Errorf("directory %s: %w: set TISM_DIR to one that this user can write", dir, err)
	}
	return fmt.Errorf("directory %s: %w", dir, explainOpen(err))
}

var procMounted = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
})

// linkFile gives a file of tempFile its name. An error that matches fs.ErrExist
// means that somebody was faster.
func linkFile(fd int, temp, path string) error {
	if temp != "" {
		return unix.Link(temp, path)
	}
	return unix.Linkat(unix.AT_FDCWD, procPath(fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
}

func unlink(path string) error { return unix.Unlink(path) }

// setMode sets the permissions, whatever the umask says.
func setMode(fd int, mode fs.FileMode) error {
	if err := unix.Fchmod(fd, uint32(mode.Perm())); err != nil {
		return fmt.Errorf("setting mode %v: %w", mode, err)
	}
	return nil
}

// reserve makes the file as long as it will be and allocates what is used of it.
func reserve(fd int, g geometry, dir string) error {
	if err := unix.Ftruncate(fd, g.fileSize()); err != nil {
		return fmt.Errorf("making a file of %d bytes: %w", g.fileSize(), err)
	}
	for _, r := range g.ranges() {
		err := unix.Fallocate(fd, 0, r.off, r.len)
		for errors.Is(err, unix.EINTR) {
			err = unix.Fallocate(fd, 0, r.off, r.len)
		}
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = writeZeros(fd, r)
		}
		if errors.Is(err, unix.ENOSPC) {
			return fmt.Errorf("reserving %d bytes: %w%s", g.used(), err, freeSpace(dir))
		}
		if err != nil {
			return fmt.Errorf("reserving %d bytes: %w", g.used(), err)
		}
	}
	return nil
}

func writeZeros(fd int, r span) error {
	zeros := make([]byte, 64<<10)
	for r.len > 0 {
		n, err := unix.Pwrite(fd, zeros[:min(r.len, int64(len(zeros)))], r.off)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		r.off, r.len = r.off+int64(max(n, 0)), r.len-int64(max(n, 0))
	}
	return nil
}

func freeSpace(dir string) string {
	var st unix.Statfs_t
	if dir == "" || unix.Statfs(dir, &st) != nil {
		return ""
	}
	return fmt.Sprintf("; %s has %d bytes free: make it larger (mount -o remount,size=...) or remove topics (tism ls)",
		dir, int64(st.Bavail)*int64(st.Bsize))
}

// mapSegment maps the whole file; the holes cost nothing. A consumer may write to
// the control area alone.
func mapSegment(fd int, g geometry, access access) ([]byte, error) {
	size := g.fileSize()
	if int64(int(size)) != size {
		return nil, fmt.Errorf("%w: %d bytes do not fit into this process's address space", ErrTooLarge, size)
	}
	prot := unix.PROT_READ
	if access == publisherAccess {
		prot |= unix.PROT_WRITE
	}
	m, err := unix.Mmap(fd, 0, int(size), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", size, err)
	}
	if access == consumerAccess {
		control := m[controlOff:roundInt(controlOff+g.controlLen(), os.Getpagesize())]
		if err := unix.Mprotect(control, unix.PROT_READ|unix.PROT_WRITE); err != nil {
			_ = unix.Munmap(m)
			return nil, fmt.Errorf("making the control area writable: %w", err)
		}
	}
	return m, nil
}

func unmap(m []byte) { _ = unix.Munmap(m) }

// prefault enters the used pages into the page table now instead of at first use.
func prefault(m []byte, g geometry) error {
	for _, r := range g.ranges() {
		part := pages(m, r)
		err := unix.Madvise(part, unix.MADV_POPULATE_READ) // Linux 5.14
		if err == nil {
			continue
		}
		if !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("prefaulting: %w", err)
		}
		touch(part)
	}
	return nil
}

// touch reads a byte of every page.
func touch(m []byte) (sum byte) {
	for i := 0; i < len(m); i += 4096 {
		sum += m[i]
	}
	return sum
}

// lockMemory keeps the used pages in memory.
func lockMemory(m []byte, g geometry) error {
	for _, r := range g.ranges() {
		if err := unix.Mlock(pages(m, r)); err != nil {
			var lim unix.Rlimit
			_ = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &lim)
			return fmt.Errorf("%w: %w: this topic needs %d bytes, RLIMIT_MEMLOCK is %d: raise it (ulimit -l, LimitMEMLOCK= in systemd) or grant CAP_IPC_LOCK",
				ErrMemoryLock, err, g.used(), lim.Cur)
		}
	}
	return nil
}

// pages is the part of the mapping that holds r, in whole pages.
func pages(m []byte, r span) []byte {
	end := roundInt(int(r.off+r.len), os.Getpagesize())
	return m[r.off:min(end, len(m))]
}

// touchFile changes the file's times, which inotify tells those that wait for a
// publisher (IN_ATTRIB).
func touchFile(fd int) error {
	now := []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}
	if err := unix.UtimesNanoAt(fd, "", now, unix.AT_EMPTY_PATH); err == nil {
		return nil
	}
	// Before Linux 5.8 utimensat has no AT_EMPTY_PATH; futimens is this call.
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, procPath(fd), now, 0); err != nil {
		return fmt.Errorf("touching the topic: %w", err)
	}
	return nil
}

// memFile makes an anonymous file.
func memFile(name string) (int, error) {
	fd, err := unix.MemfdCreate("tism:"+name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return -1, fmt.Errorf("memfd_create: %w", explainOpen(err))
	}
	return fd, nil
}

const sizeSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW

// seal fixes the file's size for good.
func seal(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, sizeSeals|unix.F_SEAL_SEAL); err != nil {
		return fmt.Errorf("sealing the memfd: %w", err)
	}
	return nil
}

// isMemFile reports whether the file is sealed as seal does it. A file in a
// directory cannot be.
func isMemFile(fd int) bool {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && seals&sizeSeals == sizeSeals
}

// command is this process's name, as ps shows it.
var command = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(b), "\n")
})
