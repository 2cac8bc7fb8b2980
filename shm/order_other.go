//go:build !(amd64 || 386)

package shm

import "sync/atomic"

// Go's atomics are sequentially consistent: on arm64 Store is STLR and Load is
// LDAR, on 32-bit ARM both have a DMB, on riscv64 fences. What the protocol needs
// beyond that was checked with herd7 against the ARMv8 and ARMv7 models (see
// docs/ARCHITECTURE.md, Memory order).

// storeRelease makes all earlier stores visible before this one.
func storeRelease(w *atomic.Uint32, v uint32) { w.Store(v) }

// openSequence marks a buffer as being written, before any store to its contents.
// A store alone lets later plain stores pass it; STLR followed by LDAR, of
// whatever word, does not (ARMv7: DMB;STR;DMB).
func openSequence(b *buffer, v uint32, any *atomic.Uint32) {
	b.sequence.Store(v)
	any.Load()
}

// A copyFence keeps the loads of a copy before the load that validates it: with
// only an atomic load at the end ARM may take it before the copy's loads and so
// return torn data. An atomic store of any private word in between forbids it: STLR
// waits for the loads before it, and LDAR for the STLR.
type copyFence struct{ word atomic.Uint32 }

func (f *copyFence) loads() { f.word.Store(0) }
