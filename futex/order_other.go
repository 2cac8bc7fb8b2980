//go:build !(amd64 || 386) || race

package futex

import "sync/atomic"

// storeRelease makes all earlier stores visible before this one.
func storeRelease(w *atomic.Uint32, v uint32) { w.Store(v) }
