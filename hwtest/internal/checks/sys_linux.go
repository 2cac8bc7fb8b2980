package checks

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The bare system calls whose behaviour the library rests on. The uses of unsafe are sound: each pointer
// is converted in the call's own argument list, to memory that outlives the call.

const (
	futexWait    = 0
	futexWake    = 1
	futexPrivate = 128
)

// waitFutex is futex(FUTEX_WAIT|flags) with a relative timeout.
func waitFutex(word *uint32, value uint32, flags uintptr, timeout time.Duration) error {
	ts := unix.NsecToTimespec(int64(timeout))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait|flags, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
	return failed(errno)
}

// wakeFutex is futex(FUTEX_WAKE|flags).
func wakeFutex(word *uint32, n int, flags uintptr) int {
	woken, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake|flags, uintptr(n), 0, 0, 0)
	if errno != 0 {
		return -1
	}
	return int(woken)
}

func failed(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}

// wordsOf lays words over a mapping, which is aligned to pages.
func wordsOf(m []byte) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(m))), len(m)/4)
}

// misaligned returns a pointer to a word that begins at byte 2.
func misaligned(m []byte) *uint32 { return (*uint32)(unsafe.Pointer(&m[2])) }

// mapFile maps a page of a file that is shared.
func mapFile(f *os.File, writable bool) ([]byte, error) {
	protection := unix.PROT_READ
	if writable {
		protection |= unix.PROT_WRITE
	}
	m, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), protection, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", f.Name(), err)
	}
	return m, nil
}

// lockByte takes a byte of a file for an open file description.
func lockByte(f *os.File, byte int64, kind int16) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: byte, Len: 1})
}

// lockedBy asks who holds a byte: the lock's kind, and the PID that the kernel tells (-1 for open file
// descriptions).
func lockedBy(f *os.File, byte int64) (kind int16, pid int32, err error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Start: byte, Len: 1}
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l)
	return l.Type, l.Pid, err
}
