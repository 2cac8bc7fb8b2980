//go:build (amd64 || 386) && !race

package futex

import (
	"sync/atomic"
	"unsafe"
)

// storeRelease makes all earlier stores visible before this one, and is itself visible
// before all later ones. It does not order later loads: Go's atomic Store does, by an XCHG
// that costs more than the rest of a Lock. x86 keeps stores in order among themselves
// (Intel SDM vol. 3, 9.2.2). The race detector knows of atomics only, so it gets one.
func storeRelease(w *atomic.Uint32, v uint32) { *(*uint32)(unsafe.Pointer(w)) = v }
