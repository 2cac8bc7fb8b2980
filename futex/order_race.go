//go:build race

package futex

import "sync/atomic"

// storeSeq is a store that no later load passes, of whatever word: one side of a handshake.
// Under the race detector atomic.Store to memory that Go did not allocate is on amd64 a bare
// MOV (__tsan_go_atomic32_store with synchronization ignored, seen in its disassembly), which
// later loads do pass: reader and writer could both be inside. A swap is an XCHG there too.
// The detector's ARM builds were not looked at.
func storeSeq(w *atomic.Uint32, v uint32) { w.Swap(v) }
