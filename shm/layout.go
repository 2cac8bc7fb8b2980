package shm

import (
	"encoding/binary"
	"fmt"
)

// The byte layout. docs/LAYOUT.md is the normative text; TestLayoutPage holds
// this file to it.

// LayoutVersion is the version of the segment's byte layout and protocol.
const LayoutVersion = 1

const magic = "tism\r\n\x1a\n" // a text-mode copy would damage it

// Offsets in the file. Each area starts on a multiple of 64 KiB, the largest
// page of any kernel we run on, so that each can have its own protection.
const (
	areaAlign    = 64 << 10
	publisherOff = areaAlign
	publisherLen = 128
	controlOff   = 2 * areaAlign
	controlHead  = 128 // before the slots
	slotLen      = 64
	bufferHead   = 64 // before the payload

	headerFixed = 128 // before the type descriptor
)

// Limits of a segment.
const (
	MaxBuffers = 15
	MaxSlots   = 4096

	defaultBuffers = 4
	defaultSlots   = 128
)

// Offsets in the header.
const (
	hMagic      = 0
	hVersion    = 8
	hBuffers    = 12
	hSlots      = 16
	hDescLen    = 20
	hFileSize   = 24
	hBuffersOff = 32
	hStride     = 40
	hCapacity   = 48
)

// A geometry is what a segment's header says, checked: every figure follows from
// four of them, so there is nothing left in it to lie about.
type geometry struct {
	buffers  int
	slots    int
	capacity int
	typ      Type
}

func (g geometry) descriptor() string { return g.typ.String() }
func (g geometry) headerLen() int     { return headerFixed + len(g.descriptor()) }
func (g geometry) controlLen() int    { return controlHead + g.slots*slotLen }
func (g geometry) buffersOff() int    { return roundInt(controlOff+g.controlLen(), areaAlign) }
func (g geometry) stride() int        { return bufferHead + roundInt(g.capacity, 64) }
func (g geometry) fileSize() int64 {
	return int64(g.buffersOff()) + int64(g.buffers)*int64(g.stride())
}

// ranges are the parts of the file that are used: header, publisher words,
// control, buffers. What lies between them are holes.
func (g geometry) ranges() [4]span {
	return [4]span{
		{0, int64(g.headerLen())},
		{publisherOff, publisherLen},
		{controlOff, int64(g.controlLen())},
		{int64(g.buffersOff()), int64(g.buffers) * int64(g.stride())},
	}
}

// used is how much memory the segment takes.
func (g geometry) used() (n int64) {
	for _, r := range g.ranges() {
		n += r.len
	}
	return n
}

type span struct{ off, len int64 }

func roundInt(n, to int) int { return (n + to - 1) / to * to }

// header encodes the geometry.
func (g geometry) header() []byte {
	desc := g.descriptor()
	h := make([]byte, headerFixed, headerFixed+len(desc))
	copy(h[hMagic:], magic)
	le := binary.LittleEndian
	le.PutUint32(h[hVersion:], LayoutVersion)
	le.PutUint32(h[hBuffers:], uint32(g.buffers))
	le.PutUint32(h[hSlots:], uint32(g.slots))
	le.PutUint32(h[hDescLen:], uint32(len(desc)))
	le.PutUint64(h[hFileSize:], uint64(g.fileSize()))
	le.PutUint64(h[hBuffersOff:], uint64(g.buffersOff()))
	le.PutUint64(h[hStride:], uint64(g.stride()))
	le.PutUint64(h[hCapacity:], uint64(g.capacity))
	return append(h, desc...)
}

// parseHeader checks the first bytes of a file of the given size and returns the
// geometry. Errors match ErrNotTopic or ErrVersion.
func parseHeader(h []byte, fileSize int64) (geometry, error) {
	bad := func(format string, args ...any) (geometry, error) {
		return geometry{}, fmt.Errorf("%w: %s", ErrNotTopic, fmt.Sprintf(format, args...))
	}
	if len(h) < headerFixed {
		return bad("the file has %d bytes", fileSize)
	}
	if string(h[:len(magic)]) != magic {
		return bad("the file does not begin as a topic does")
	}
	le := binary.LittleEndian
	if v := le.Uint32(h[hVersion:]); v != LayoutVersion {
		return geometry{}, fmt.Errorf("%w: the topic has version %d, this program speaks %d: build both with the same tism", ErrVersion, v, LayoutVersion)
	}
	g := geometry{buffers: int(le.Uint32(h[hBuffers:])), slots: int(le.Uint32(h[hSlots:]))}
	capacity := le.Uint64(h[hCapacity:])
	descLen := le.Uint32(h[hDescLen:])
	switch {
	case g.buffers < 1 || g.buffers > MaxBuffers:
		return bad("it says %d buffers", g.buffers)
	case g.slots < 1 || g.slots > MaxSlots:
		return bad("it says %d slots", g.slots)
	case capacity < 1 || capacity > maxSize:
		return bad("it says a capacity of %d bytes", capacity)
	case descLen > maxDescriptor || int(descLen) > len(h)-headerFixed:
		return bad("it says a descriptor of %d bytes", descLen)
	}
	g.capacity = int(capacity)
	var err error
	if g.typ, err = ParseType(string(h[headerFixed : headerFixed+descLen])); err != nil {
		return geometry{}, err
	}
	if g.typ.Size != g.capacity {
		return bad("capacity %d, type of %d bytes", g.capacity, g.typ.Size)
	}
	want := g.header()
	for i, b := range h[:headerFixed] {
		if b != want[i] {
			return bad("header byte %d is %#x, not %#x", i, b, want[i])
		}
	}
	if fileSize < g.fileSize() {
		return bad("the file has %d bytes of %d", fileSize, g.fileSize())
	}
	return g, nil
}
