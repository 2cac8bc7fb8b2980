package shm

import (
	"sync/atomic"
	"unsafe"

	"github.com/tism-go/tism/futex"
)

// The shared words, laid over the mapping. This file holds the package's pointer
// arithmetic. It is sound because
//
//   - the mapping is not Go memory: the collector neither moves nor frees it, and
//     a handle drops every pointer into it before it unmaps;
//   - all offsets come from a geometry that was checked against the file's size
//     (parseHeader), never from shared memory itself;
//   - the areas are aligned to 64 KiB, slots and payloads to 64 bytes, so every
//     word is aligned for its type, on 32-bit CPUs too;
//   - other processes change the memory under us. Words are read by atomic loads.
//     Plain accesses to payloads and to a buffer's fields are covered by a pin, by
//     the lock, or by the sequence that is checked afterwards.

// publisherWords is written by the publisher alone, but for retired.
type publisherWords struct {
	lock    atomic.Uint32 // W of the reader-writer lock; one buffer only
	latest  atomic.Uint32 // version<<4 | index
	want    atomic.Uint32 // 1: the publisher waits for a pin
	state   atomic.Uint32 // stateNew, stateOpen, stateClosed
	retired atomic.Uint32 // 1: replaced or removed; stored by whoever does that, never cleared
	_       [11]uint32

	// Who publishes, for people to read, and from where TotalWrites counts.
	generation atomic.Uint32 // odd while the words below change
	pid        atomic.Uint32
	command    [4]atomic.Uint32 // 16 bytes, NUL-padded
	baseLo     atomic.Uint32
	baseHi     atomic.Uint32
	_          [8]uint32
}

const (
	stateNew    = 0
	stateOpen   = 1
	stateClosed = 2
)

// controlWords is the only area that consumers may write to. Whatever it says is
// a hint at most.
type controlWords struct {
	notify futex.Event // rings at each publication
	_      [15]uint32
	hi     atomic.Uint32 // highest slot ever used, plus one; only grows
	freed  atomic.Uint32 // counts releases while the publisher wants a buffer
	_      [14]uint32
}

// User words of a futex.Slot.
const (
	userPins    = 0 // bit per buffer
	userPID     = 1 // for people to read
	userCommand = 2 // 4 words
)

// A bufferWords is the head of a buffer. All but sequence is guarded by it.
type bufferWords struct {
	sequence atomic.Uint32 // version<<1 | being written
	length   uint32        // of the payload
	stamp
	_ [32]byte
}

// A stamp says which publication a value is. It is one struct here and in the handles, because
// that is copied with fewer instructions than its fields.
type stamp struct {
	number    uint64 // of the publication, from 1; its low 28 bits are the version
	published Time   // 0: not recorded
	sampled   Time   // 0: not recorded
}

const _ = -uint(unsafe.Sizeof(publisherWords{}) ^ publisherLen)
const _ = -uint(unsafe.Sizeof(controlWords{}) ^ controlHead)
const _ = -uint(unsafe.Sizeof(futex.Slot{}) ^ slotLen)
const _ = -uint(unsafe.Sizeof(bufferWords{}) ^ bufferHead)

// Offsets for those that read the file instead of mapping it.
const (
	offLock      = unsafe.Offsetof(publisherWords{}.lock)
	offLatest    = unsafe.Offsetof(publisherWords{}.latest)
	offState     = unsafe.Offsetof(publisherWords{}.state)
	offRetired   = unsafe.Offsetof(publisherWords{}.retired)
	offPID       = unsafe.Offsetof(publisherWords{}.pid)
	offCommand   = unsafe.Offsetof(publisherWords{}.command)
	offBaseLo    = unsafe.Offsetof(publisherWords{}.baseLo)
	offBaseHi    = unsafe.Offsetof(publisherWords{}.baseHi)
	offLength    = unsafe.Offsetof(bufferWords{}.length)
	offNumber    = unsafe.Offsetof(bufferWords{}.number)
	offPublished = unsafe.Offsetof(bufferWords{}.published)
	offSampled   = unsafe.Offsetof(bufferWords{}.sampled)
)

// versionMask: 28 bits of version. latest has 4 more for the index.
const versionMask = 1<<28 - 1

// latestNone is latest while nothing was published: no buffer has this index.
const latestNone = 15

// A buffer is one of a segment's buffers, as a pointer to its head.
type buffer = bufferWords

// A payload is the first byte of a buffer's payload.
type payload byte

// payload returns where a buffer's payload begins.
func (b *buffer) payload() *payload { return (*payload)(unsafe.Add(unsafe.Pointer(b), bufferHead)) }

// bytes returns the first n bytes of a payload. n must have been checked against the
// capacity.
func (p *payload) bytes(n int) []byte { return unsafe.Slice((*byte)(p), n) }

// bytes returns the first n bytes of a buffer's payload.
func (b *buffer) bytes(n int) []byte { return b.payload().bytes(n) }

// views lays the words over a mapping.
func (g geometry) views(m []byte) (p *publisherWords, c *controlWords, s []futex.Slot, bufs [16]*buffer) {
	base := unsafe.Pointer(unsafe.SliceData(m))
	p = (*publisherWords)(unsafe.Add(base, publisherOff))
	c = (*controlWords)(unsafe.Add(base, controlOff))
	s = unsafe.Slice((*futex.Slot)(unsafe.Add(base, controlOff+controlHead)), g.slots)
	for i := range g.buffers {
		bufs[i] = (*buffer)(unsafe.Add(base, g.buffersOff()+i*g.stride()))
	}
	return p, c, s, bufs
}

// valueBytes returns the memory of *v. T holds no pointers (TypeOf saw to that),
// so any bytes are a T and a T is just bytes.
func valueBytes[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// sizeOf returns the size of a T in bytes. Nothing is dereferenced: the operand of Sizeof
// is not evaluated. (A variable in its place would be allocated each time if T is large.)
func sizeOf[T any]() int { return int(unsafe.Sizeof(*(*T)(nil))) }

// as returns a payload as a T. The payload is 64-byte aligned and at least as large as
// a T (checked when the handle was made).
func as[T any](p *payload) *T { return (*T)(unsafe.Pointer(p)) }

// smallSize: values up to this size are copied as *v = *w, whose size is known when it
// is compiled: they are moved in registers, which no call of memmove can match. For
// larger ones the compiler's REP MOVS is up to five times slower than memmove.
const smallSize = 1024

// store copies a T into a buffer. Hot paths inline the first half themselves.
func store[T any](b *buffer, v *T) {
	if sizeOf[T]() <= smallSize {
		*as[T](b.payload()) = *v
	} else {
		copyBytes(b.bytes(sizeOf[T]()), valueBytes(v))
	}
}

// copyBytes copies in chunks, because from 1 MiB on Go's memmove bypasses the cache on
// amd64, which costs the copy half its speed and its reader a miss for each line.
func copyBytes(dst, src []byte) {
	const chunk = 256 << 10
	for len(src) > chunk {
		copy(dst, src[:chunk])
		dst, src = dst[chunk:], src[chunk:]
	}
	copy(dst, src)
}
