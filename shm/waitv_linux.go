package shm

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futexWaiter is struct futex_waitv of linux/futex.h.
type futexWaiter struct {
	val   uint64
	uaddr uint64
	flags uint32
	_     uint32
}

const (
	sysFutexWaitv = 449 // the same number on every architecture
	futex2SizeU32 = 2   // shared between processes: FUTEX2_PRIVATE is not set
)

// haveWaitv reports whether the kernel has futex_waitv(2) (Linux 5.16). Called
// without waiters it fails either way, with ENOSYS where it does not exist;
// qemu-user says so too.
var haveWaitv = sync.OnceValue(func() bool {
	_, _, errno := unix.RawSyscall6(sysFutexWaitv, 0, 0, 0, 0, 0, 0)
	return errno == unix.EINVAL
})

// waitv sleeps until one of the words is woken or is not its value, at most d.
// A wake for no reason returns nil.
//
// The use of unsafe is sound: w and ts live until the call returns, and the words
// are shared memory of handles that the caller keeps open.
func waitv(words []*atomic.Uint32, vals []uint32, d time.Duration) error {
	var w [maxWaitv]futexWaiter
	for i, word := range words {
		w[i] = futexWaiter{val: uint64(vals[i]), uaddr: uint64(uintptr(unsafe.Pointer(word))), flags: futex2SizeU32}
	}
	until := unixTime(Now().Add(d))
	_, _, errno := unix.Syscall6(sysFutexWaitv, uintptr(unsafe.Pointer(&w[0])), uintptr(len(words)), 0,
		uintptr(unsafe.Pointer(&until)), unix.CLOCK_MONOTONIC, 0)
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR, unix.ETIMEDOUT:
		return nil
	}
	return errors.Join(errors.New("futex_waitv"), errno)
}

// kernelTimespec is struct __kernel_timespec: 64 bits on every architecture.
type kernelTimespec struct{ sec, nsec int64 }

func unixTime(t Time) kernelTimespec {
	return kernelTimespec{int64(t) / int64(time.Second), int64(t) % int64(time.Second)}
}
