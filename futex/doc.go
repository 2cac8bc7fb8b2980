// Package futex is synchronization that lives in memory which the caller maps
// and several processes share: a lock ([RWLock]) and a doorbell ([Event]) on
// Linux futexes, and the bare [Wait] and [Wake] below them.
//
// It is for people who lay out shared memory themselves. Whoever just wants to
// pass the newest value of a type from one process to others wants package
// shm, which is built on this one. Inside one process sync and channels are
// better in every way.
//
// The package knows no files and no processes. Where a decision depends on
// whether a peer is alive, the caller answers it (see [Peers]).
//
// # What a futex does
//
// In pseudo-code, each atomic with respect to the other (futex(2)):
//
//	wait(addr, val, timeout): if *addr != val return; sleep until woken, a signal, the timeout
//	wake(addr, n):            wake up to n threads that sleep on addr
//
// Spurious wake-ups happen: a caller of Wait always looks at its condition
// again. All words are shared between processes (no FUTEX_PRIVATE_FLAG) and 32
// bits wide, because that is what the kernel compares and what every CPU that
// Go supports loads and stores in one piece.
//
// # Cost
//
// A goroutine that sleeps here holds a thread. With GOMAXPROCS=1 (Pi Zero)
// other goroutines were seen to stall for up to 20 ms until the runtime takes
// the processor back; with 2 for up to 0.5 ms. Set GOMAXPROCS to at least 2 in
// a program that sleeps on topics and does other work besides.
//
// # Debugging
//
// strace -f -e trace=futex shows every sleep and wake; an uncontended RLock,
// RUnlock or Ring shows nothing.
package futex
