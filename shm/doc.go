// Package shm passes the newest value of a type from one process to others through
// shared memory. A topic is a named segment with one [Publisher] and any number of
// [Consumer]s:
//
//	type Attitude struct {
//		TimeUS uint64
//		Q      [4]float32
//	}
//
//	pub, err := shm.Create("attitude", Attitude{})      // in one process
//	err = pub.Write(Attitude{TimeUS: t, Q: q})
//
//	sub, err := shm.WaitOpen[Attitude](ctx, "attitude") // in others
//	for u, err := range sub.Updates(ctx) {
//
// It is for processes on one Linux computer that need each other's newest state:
// sensors, estimators, controllers, cameras, telemetry. A publish or a read takes
// tens of nanoseconds, no system call and no allocation; nothing is encoded.
//
// It is not for what must arrive each and every time (commands, events, logs): a
// consumer that is slower than its publisher misses values, learns how many
// ([Info]), and never makes anybody wait. And it is not for processes that distrust
// each other: whoever may write to a topic's file can spoil that topic. What a program
// reads from shared memory is checked before it is used all the same.
//
// # What holds
//
//   - A consumer never sees a half-written value, whatever becomes of its publisher and
//     whenever.
//   - A consumer that dies, hangs or is stopped does not stop its publisher. With one
//     buffer ([Buffers]) it can, until it dies or the publisher's deadline is over.
//   - A publisher that dies loses nothing that it published. Its successor takes the
//     same segment over, and consumers carry on.
//   - Whoever waits sleeps in the kernel, and gives up when its context or time is over.
//   - Programs that disagree about the type get an error that shows both layouts.
//   - Who is alive is the kernel's word (open file description locks), not a PID's, a
//     heartbeat's or a clock's.
//
// # What the caller must not do
//
// Mapped memory is not Go memory. The value of a guard must not be used after Unlock, and
// no handle after Close, not even by a goroutine that is still busy with it: handles are
// for one goroutine at a time. Writing to the value of a [ReadGuard] is a fault that
// ends the program: the page is read-only.
//
// A descriptor that leaks into a child keeps its role alive. Every descriptor of this
// package is close-on-exec, and Go does not fork without exec; a cgo library that forks
// must not touch handles in the child. Close gives the role up even while a child has not
// executed its program yet; the kernel, for a process that dies at that moment, only once
// the child has.
//
// # Types
//
// T must be the same bytes everywhere: numbers of fixed size, bools, arrays and structs
// of them ([TypeOf]). Go on 32-bit CPUs aligns 64-bit fields to 4 bytes, everybody else to 8:
// a struct without implicit padding is the same everywhere, and [CheckPortable] says what
// is missing. Payloads of varying length are for [BytesPublisher] and package codec.
//
// # Debugging
//
// "tism ls" lists the topics with their publishers and consumers, "tism info NAME" prints
// the newest value of any topic, with no code for its type. strace shows nothing while
// nobody waits; -e futex,fcntl is where to look when somebody does.
package shm
