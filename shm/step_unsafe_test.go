//go:build linux && (amd64 || arm64)

package shm_test

import (
	"syscall"
	"unsafe"
)

// rawByte reads or writes a byte without telling the scheduler, whose work would be
// stepped through as well.
func rawByte(call, fd uintptr, b *[1]byte) {
	syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(b)), 1)
}
