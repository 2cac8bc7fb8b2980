package futex

import (
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// futex(2) operations, without FUTEX_PRIVATE_FLAG: the words are shared.
const (
	futexWait = 0
	futexWake = 1
)

// sysWait is FUTEX_WAIT. The timeout is relative, on CLOCK_MONOTONIC; a signal
// (the runtime's SIGURG) ends the sleep early and the caller works out anew
// what is left.
//
// The use of unsafe is sound: addr and ts are alive and in place for the length
// of the call (the conversion to uintptr is in the call's own argument list,
// rule 4 of package unsafe), and the kernel reads 4 bytes at addr.
func sysWait(addr *atomic.Uint32, val uint32, d time.Duration) error {
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		ts = &t
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), futexWait,
		uintptr(val), uintptr(unsafe.Pointer(ts)), 0, 0)
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR:
		return nil
	case unix.ETIMEDOUT:
		return ErrTimeout
	}
	return fmt.Errorf("futex wait: %w", errno)
}

// sysWake is FUTEX_WAKE. It never sleeps, so the raw system call is right: the
// scheduler need not be told. An error (EFAULT: the mapping is gone) means that
// nobody sleeps there.
func sysWake(addr *atomic.Uint32, n int) int {
	woken, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), futexWake,
		uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(woken)
}
