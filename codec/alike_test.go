package codec_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/codec"
)

// elements are lists' elements of all kinds: with a pattern, without one, too large for one.
func elements(t testing.TB) [][]byte {
	point, cell, status, large := Point{1, 2, 3, 4}, CellMap{Volts: 3.7, Cycles: 1 << 20}, v1, sample(7)
	long := Text{strings.Repeat("x", 40)} // whose length is a byte of its own
	mixed := msgp.AppendArrayHeader(nil, 7)
	mixed = msgp.AppendBool(msgp.AppendInt(msgp.AppendInt(mixed, 5), -3), true)
	mixed = msgp.AppendString(msgp.AppendNil(mixed), "text")
	mixed = msgp.AppendMapHeader(msgp.AppendArrayHeader(mixed, 0), 0)
	return [][]byte{encode(t, &point), encode(t, &cell), encode(t, &status), encode(t, &large), encode(t, &long), mixed, {0x90}, {0x80}}
}

// TestSkipAlike compares the two ways through lists that are alike, or nearly.
func TestSkipAlike(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	all := elements(t)
	for round := range 20000 {
		e := all[round%len(all)]
		n := 1 + r.IntN(30)
		list := bytes.Repeat(e, n)
		switch r.IntN(3) {
		case 0:
			list = mutated(r, list)
		case 1: // one that differs
			other := all[r.IntN(len(all))]
			at := r.IntN(n) * len(e)
			list = append(append(bytes.Clone(list[:at]), other...), list[at+len(e):]...)
		}
		sameSkip(t, list, n)
		sameSkip(t, list, n+r.IntN(3)) // more than there are
	}
}

// sameSkip checks that both find the same end, or the same fault.
func sameSkip(t *testing.T, b []byte, n int) {
	t.Helper()
	at, err := codec.Skip(b, n)
	alike, alikeErr := codec.SkipAlike(b, n)
	short := func(at int, err error) bool { return at > len(b) || err == msgp.ErrShortBytes }
	if short(at, err) && short(alike, alikeErr) && at == alike {
		return
	}
	if at != alike || err != alikeErr {
		t.Fatalf("%d elements of %x: one by one %d, %v, alike %d, %v", n, b, at, err, alike, alikeErr)
	}
}

// FuzzSkipAlike is TestSkipAlike with any bytes, of which the first two are the number.
func FuzzSkipAlike(f *testing.F) {
	for _, e := range elements(f) {
		f.Add(append([]byte{20, 0}, bytes.Repeat(e, 20)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 2 {
			sameSkip(t, b[2:], 1+int(binary.LittleEndian.Uint16(b)))
		}
	})
}
