package codec

import (
	"encoding/binary"

	"github.com/tinylib/msgp/msgp"
)

// maxDepth is how deep arrays and maps may be nested.
const maxDepth = 100

// Check returns a [*DecodeError] unless b is one whole MessagePack value, nested no
// deeper than 100 levels. It allocates nothing on well-formed input.
func Check(b []byte) error {
	if at, err := wellFormed(b); err != nil {
		return &DecodeError{Offset: at, Err: err}
	}
	return nil
}

// wellFormed is Check; if it fails, it returns where.
func wellFormed(b []byte) (int, error) {
	end, err := skip(b, 0, 1, 0)
	switch {
	case end > len(b):
		return elementAround(b, len(b)-1), msgp.ErrShortBytes
	case err == nil && end < len(b):
		return end, ErrTrailing
	}
	return end, err
}

// skip returns the end of the n values that begin at byte at, which is beyond b if the
// last one is not all there; if it fails, the offset where it does. The time it takes
// is added to that of decoding, so what is frequent comes first and does without calls.
func skip(b []byte, at, n, depth int) (int, error) {
	for ; n > 0; n-- {
		if uint(at) >= uint(len(b)) {
			return at, msgp.ErrShortBytes
		}
		size, children := 1, 0
		switch lead := b[at]; {
		case lead == float32Lead, lead == uint32Lead, lead == int32Lead:
			at += 5
			continue
		case lead < 0x80, lead >= 0xe0: // small integers
			at++
			continue
		case lead == float64Lead, lead == uint64Lead, lead == int64Lead:
			at += 9
			continue
		case lead < 0x90: // short maps
			children = 2 * int(lead&15)
		case lead < 0xa0: // short arrays
			children = int(lead & 15)
		case lead < 0xc0: // short strings
			at += 1 + int(lead&31)
			continue
		default:
			var err error
			if size, children, err = element(b, at); err != nil {
				return at, err
			}
		}
		at += size
		if children == 0 {
			continue
		}
		if depth == maxDepth {
			return at - size, msgp.ErrRecursion
		}
		next := skip
		if children >= manyElements && at < len(b) && isContainer(b[at]) {
			next = skipAlike
		}
		var err error
		if at, err = next(b, at, children, depth+1); err != nil {
			return at, err
		}
	}
	return at, nil
}

// manyElements is a length of lists for which it pays to look how their elements are alike.
const manyElements = 8

// isContainer reports whether an element is a map or array.
func isContainer(lead byte) bool { return lead >= 0x80 && lead < 0xa0 || lead >= 0xdc && lead < 0xe0 }

const (
	float32Lead = 0xca
	float64Lead = 0xcb
	uint32Lead  = 0xce
	uint64Lead  = 0xcf
	int32Lead   = 0xd2
	int64Lead   = 0xd3
)

// element returns the size of the element at byte at and how many more follow that
// belong to it: the header of an array or map, or a whole value. All of the element lies
// within b, and there is at least a byte for each of its children.
func element(b []byte, at int) (size, children int, err error) {
	if at >= len(b) {
		return 0, 0, msgp.ErrShortBytes
	}
	b = b[at:]
	switch lead := b[0]; {
	case lead < 0x80, lead >= 0xe0: // small integers
		return 1, 0, nil
	case lead < 0xa0:
		size, children = 1, int(lead&15)
		if lead < 0x90 {
			children *= 2
		}
	case lead < 0xc0:
		size = 1 + int(lead&31)
	default:
		if size, children, err = longElement(b, shapes[lead-0xc0]); err != nil {
			return 0, 0, err
		}
	}
	if len(b)-size < children {
		return 0, 0, msgp.ErrShortBytes
	}
	return size, children, nil
}

// A shape says where an element's length stands, and what it counts.
type shape struct {
	size  uint8 // of the head, with the value if that has a fixed size; 0: no such element
	digit uint8 // bytes of the length, behind the first
	unit  unit
}

type unit uint8

const (
	none unit = iota
	ofBytes
	ofElements
	ofPairs
)

// shapes are those of the lead bytes from 0xc0 to 0xdf.
var shapes = [32]shape{
	{1, 0, none}, {}, {1, 0, none}, {1, 0, none}, // nil, unused, false, true
	{2, 1, ofBytes}, {3, 2, ofBytes}, {5, 4, ofBytes}, // bin
	{3, 1, ofBytes}, {4, 2, ofBytes}, {6, 4, ofBytes}, // ext
	{5, 0, none}, {9, 0, none}, // float
	{2, 0, none}, {3, 0, none}, {5, 0, none}, {9, 0, none}, // uint
	{2, 0, none}, {3, 0, none}, {5, 0, none}, {9, 0, none}, // int
	{3, 0, none}, {4, 0, none}, {6, 0, none}, {10, 0, none}, {18, 0, none}, // fixext
	{2, 1, ofBytes}, {3, 2, ofBytes}, {5, 4, ofBytes}, // str
	{3, 2, ofElements}, {5, 4, ofElements},
	{3, 2, ofPairs}, {5, 4, ofPairs},
}

// longElement is element for those with a shape. b begins with it.
func longElement(b []byte, s shape) (size, children int, err error) {
	if s.size == 0 {
		return 0, 0, msgp.InvalidPrefixError(b[0])
	}
	if len(b) < int(s.size) {
		return 0, 0, msgp.ErrShortBytes
	}
	if s.unit == none {
		return int(s.size), 0, nil
	}
	n := s.length(b)
	if s.unit == ofPairs {
		n *= 2
	}
	if n > uint64(len(b)) { // before it becomes an int, which may have 32 bits
		return 0, 0, msgp.ErrShortBytes
	}
	if s.unit == ofBytes {
		return int(s.size) + int(n), 0, nil
	}
	return int(s.size), int(n), nil
}

func (s shape) length(b []byte) uint64 {
	switch s.digit {
	case 1:
		return uint64(b[1])
	case 2:
		return uint64(binary.BigEndian.Uint16(b[1:]))
	}
	return uint64(binary.BigEndian.Uint32(b[1:]))
}

// elementAround returns the offset of the element that byte at lies in, in a value that
// is well-formed up to there.
func elementAround(b []byte, at int) int {
	for start := 0; ; {
		size, _, err := element(b, start)
		if err != nil || start+size > at {
			return start
		}
		start += size
	}
}
