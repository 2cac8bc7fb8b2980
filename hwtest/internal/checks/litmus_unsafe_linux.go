package checks

import (
	"sync/atomic"
	"unsafe"
)

// Plain accesses to words that another CPU writes: data races on purpose, to ask the machine for no order
// at all. Each loop is one function in which every access depends, for the compiler, on the stores between
// them, so that it keeps their order and the machine alone decides.

// plain returns a word as memory. Sound: an atomic.Uint32 is one aligned uint32.
func plain(w *atomic.Uint32) *uint32 { return (*uint32)(unsafe.Pointer(w)) }

//go:noinline
func loadPlain(w *uint32) uint32 { return *w }

//go:noinline
func storePlain(w *uint32, v uint32) { *w = v }

//go:noinline
func plainStoreLoad(own, other *uint32, n uint32, saw []uint32) {
	for i := range saw {
		*own = n + uint32(i)
		saw[i] = *other
	}
}

//go:noinline
func plainStoreStore(x, y *uint32, n uint32, rounds int) {
	for i := range uint32(rounds) {
		*x = n + i
		*y = n + i
	}
}

//go:noinline
func plainLoadLoad(first, second *uint32, saw1, saw2 []uint32) {
	saw2 = saw2[:len(saw1)]
	for i := range saw1 {
		saw1[i] = *first // the store keeps the next load behind this one, for the compiler
		saw2[i] = *second
	}
}

// A weakSequence is a sequence lock without fences: plain accesses to number and words.
type weakSequence struct {
	sequence uint32
	_        [31]uint32 // two lines away
	words    [16]uint32
}

//go:noinline
func (s *weakSequence) write(n uint32) {
	s.sequence = n<<1 | 1
	for i := range s.words {
		s.words[i] = n
	}
	s.sequence = n << 1
}

// read returns false for a copy that its sequence does not validate.
//
//go:noinline
func (s *weakSequence) read(into *[16]uint32) (n uint32, ok bool) {
	n = s.sequence
	*into = s.words
	return n >> 1, n&1 == 0 && s.sequence == n
}

// A weakLock is the lock's handshake (each side stores its own word and then looks at the other's) with
// plain accesses.
type weakLock struct {
	writer uint32
	_      [31]uint32
	reader uint32
	_      [31]uint32
	inside [2]uint32 // written by the writer alone, and always the same when it is not inside
}

//go:noinline
func (l *weakLock) tryWrite() {
	l.writer = 1
	if l.reader == 0 {
		l.inside[0]++
		l.inside[1]++
	}
	l.writer = 0
}

//go:noinline
func (l *weakLock) tryRead() (in, torn bool) {
	l.reader = 1
	if in = l.writer == 0; in {
		torn = loadPlain(&l.inside[1]) != loadPlain(&l.inside[0])
	}
	l.reader = 0
	return in, torn
}

func (l *weakLock) writes() (rounds, torn int) {
	for range batch {
		l.tryWrite()
	}
	return 0, 0
}

func (l *weakLock) reads() (rounds, torn int) {
	for range batch {
		if in, bad := l.tryRead(); in {
			rounds++
			if bad {
				torn++
			}
		}
	}
	return rounds, torn
}
