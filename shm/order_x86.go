//go:build amd64 || 386

package shm

import (
	"sync/atomic"
	"unsafe"
)

// x86 keeps stores in order among themselves and loads in order among themselves
// (Intel SDM vol. 3, 9.2.2; the TSO model), so that neither of these needs more
// than what the compiler must keep in place. Go's atomic Store would be an XCHG
// for each, which is most of the cost of a small publish.

// storeRelease makes all earlier stores visible before this one. It does not order
// later loads.
//
// The plain store is one MOV of an aligned word; the compiler neither moves it
// across the atomic operations and calls around it nor drops it, because both
// read memory in its eyes.
func storeRelease(w *atomic.Uint32, v uint32) { *(*uint32)(unsafe.Pointer(w)) = v }

// openSequence marks a buffer as being written, before any store to its contents.
func openSequence(b *buffer, v uint32, _ *atomic.Uint32) { storeRelease(&b.sequence, v) }

// A copyFence keeps the loads of a copy before the load that validates it.
type copyFence struct{}

func (*copyFence) loads() {}
