package codec

import "encoding/binary"

// skipAlike is skip for the elements of a list, which are usually encoded alike: then what
// is known of the first one is compared with the others, several of their parts at a time.
func skipAlike(b []byte, at, n, depth int) (int, error) {
	end, err := skip(b, at, 1, depth)
	if err != nil {
		return end, err
	}
	var p pattern
	if end > len(b) || !p.learn(b[at:end]) {
		return skip(b, end, n-1, depth)
	}
	at = end
	const patience = 8
	misses := 0
	for n--; n > 0; n-- {
		same := p.count(b[at:], n)
		at, n = at+same*p.size, n-same
		if n == 0 {
			break
		}
		if same == 0 {
			if misses++; misses > patience {
				break
			}
		}
		if at, err = skip(b, at, 1, depth); err != nil || at > len(b) {
			return at, err
		}
	}
	return skip(b, at, n, depth)
}

// A pattern is what makes an element with all that belongs to it as long as it is: the first
// bytes of its parts, as far as they tell size and number. What matches it is well-formed,
// of the same size, and as deep.
type pattern struct {
	size  int
	lines int
	line  [4]line
}

// A line is a piece of a pattern: 32 bytes, compared at once.
type line struct{ want, mask [4]uint64 }

// learn makes the pattern of a well-formed element, and fails where there is none: an element
// that is large, or has parts whose length stands behind their first byte.
func (p *pattern) learn(b []byte) bool {
	const lineSize = 32
	if len(b) > lineSize*len(p.line) {
		return false
	}
	p.size, p.lines = len(b), (len(b)+lineSize-1)/lineSize
	for at := 0; at < len(b); {
		mask := sameSize(b[at])
		size, _, err := element(b, at)
		if mask == 0 || err != nil {
			return false
		}
		l, word, shift := &p.line[at/lineSize], at%lineSize/8, at%8*8
		l.want[word] |= uint64(b[at]&mask) << shift
		l.mask[word] |= uint64(mask) << shift
		at += size
	}
	return true
}

// sameSize returns the bits of a first byte that all first bytes of elements of the same kind
// and size share; 0 where the first byte does not tell the size.
func sameSize(lead byte) byte {
	switch {
	case lead < 0x80:
		return 0x80 // small integers
	case lead >= 0xe0:
		return 0xe0 // and negative ones
	case lead&^1 == 0xc2:
		return 0xfe // false, true
	case lead >= 0xc0 && shapes[lead-0xc0].digit > 0:
		return 0
	}
	return 0xff
}

// count returns how many elements of the pattern, n at most, b begins with. It misses those
// near the end of b, because it reads whole lines.
func (p *pattern) count(b []byte, n int) int {
	for i := range n {
		at := i * p.size
		for j := range p.lines {
			if uint(at)+32 > uint(len(b)) {
				return i
			}
			l, have := &p.line[j], (*[32]byte)(b[at:])
			differ := (binary.LittleEndian.Uint64(have[0:]) ^ l.want[0]) & l.mask[0]
			differ |= (binary.LittleEndian.Uint64(have[8:]) ^ l.want[1]) & l.mask[1]
			differ |= (binary.LittleEndian.Uint64(have[16:]) ^ l.want[2]) & l.mask[2]
			differ |= (binary.LittleEndian.Uint64(have[24:]) ^ l.want[3]) & l.mask[3]
			if differ != 0 {
				return i
			}
			at += 32
		}
	}
	return n
}
