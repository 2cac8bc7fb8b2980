//go:build !race

package futex

import "sync/atomic"

// storeSeq is a store that no later load passes, of whatever word: one side of a handshake.
func storeSeq(w *atomic.Uint32, v uint32) { w.Store(v) }
