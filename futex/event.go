package futex

import "sync/atomic"

// An Event is a doorbell of four bytes in shared memory: one process rings it
// after it has changed something, any number of others sleep until it rings.
// The zero value is ready. It must not be copied; make one by converting a
// pointer into the mapping.
//
//	word = number of the ring<<1 | someone waits
//
// Every ring takes a new number. (A bell that rings twice with the same number
// can leave a sleeper behind, if another sleeper sets the bit again in between:
// docs/models/counterexamples.) The word carries no state worth trusting: every
// sleeper decides by the memory that the bell speaks of, and looks at it again
// after each slice.
//
// The waiter's order is what makes it lossless:
//
//	look: done? -> return
//	armed := e.Arm()            // from here on a ring wakes or changes the word
//	look again: done? -> return
//	e.Sleep(limit, armed)
//
// All methods are safe for any number of goroutines and processes.
type Event struct{ word atomic.Uint32 }

const waitBit = 1

// Ring sets the number of this ring (its lowest 31 bits count) and wakes every
// sleeper if there is one. It is for the bell's owner, who counts its rings in
// private, from [Event.Number] on. Store what the bell announces before: the swap
// orders it. Without sleepers it makes no system call.
func (e *Event) Ring(number uint32) {
	// Pairs with the CAS in Arm: of a swap and a CAS one comes first. CAS first:
	// the bit is seen here. Swap first: Arm's caller sees what was stored before it.
	if e.word.Swap(number<<1)&waitBit != 0 {
		e.wake()
	}
}

// wake is apart so that Ring is small enough to be inlined.
//
//go:noinline
func (e *Event) wake() { Wake(&e.word, All) }

// RingAll rings for whoever is not the owner (a remover): it takes the next number
// and wakes every sleeper whatever the word says.
func (e *Event) RingAll() {
	for {
		old := e.word.Load()
		if e.word.CompareAndSwap(old, (old>>1+1)<<1) {
			break
		}
	}
	Wake(&e.word, All)
}

// Number returns the number of the last ring.
func (e *Event) Number() uint32 { return e.word.Load() >> 1 }

// Arm announces a sleeper and returns the value to pass to [Event.Sleep]. The
// caller must look at its condition again before it sleeps.
func (e *Event) Arm() uint32 {
	for {
		old := e.word.Load()
		if old&waitBit != 0 || e.word.CompareAndSwap(old, old|waitBit) {
			return old | waitBit
		}
	}
}

// Sleep sleeps for at most one slice of the limit, until the bell rings after
// the [Event.Arm] that returned armed. Errors are those of [Limit.Wait].
func (e *Event) Sleep(l *Limit, armed uint32) error { return l.Wait(&e.word, armed) }

// Peek returns the word as it is, for a sleeper that may not write to it: it
// then sleeps on that value and nobody is told.
func (e *Event) Peek() uint32 { return e.word.Load() }

// Word returns the word, for callers that sleep on several bells at once
// (futex_waitv).
func (e *Event) Word() *atomic.Uint32 { return &e.word }
