//go:build race

package shm

import "sync/atomic"

// storeSeq is a store that no later load passes, of whatever word: one side of a handshake.
// Under the race detector atomic.Store to memory that Go did not allocate is a bare MOV
// (__tsan_go_atomic32_store with synchronization ignored), which later loads do pass, so that
// reader and writer could both be inside. A swap stays a LOCK XCHG.
func storeSeq(w *atomic.Uint32, v uint32) { w.Swap(v) }
