package detect

import (
	"encoding/binary"
	"testing"
)

// section is a section of attributes with the given pairs of tags and values about the file.
func section(vendor, pairs string) []byte {
	length := func(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	file := "\x01" + length(5+len(pairs)) + pairs
	return []byte("A" + length(4+len(vendor)+1+len(file)) + vendor + "\x00" + file)
}

func TestAttributes(t *testing.T) {
	for _, test := range []struct {
		pairs, want string
	}{
		{"\x05Cortex-A7\x00\x06\x0a\x0a\x03", "7"},
		{"\x05ARM1176JZF-S\x00\x06\x07\x0a\x02", "6"},
		{"\x06\x04", "5,softfloat"},
		{"\x20\x01gnu\x00\x43\x06\x0a\x06\x0a\x00\x06\x06\x0a\x00", "6,softfloat"}, // texts before, no floating-point unit
		{"\x06\x0e\x0a\x07\x80\x01\x01", "7"},                                      // a tag of two bytes
		{"\x0a\x03", ""},
		{"\x06", ""},
		{"\x06\x7f", ""},
		{"\x43unending", ""},
	} {
		got, err := attributes(section("aeabi", test.pairs))
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("attributes(%q) = %q, %v, want %q", test.pairs, got, err, test.want)
		}
	}
	whole := section("aeabi", "\x06\x0a\x0a\x03")
	if got, err := attributes(append(section("gnu", "\x06\x04"), whole[1:]...)); got != "7" || err != nil {
		t.Errorf("after another vendor's: %q, %v", got, err)
	}
	for n := range whole { // cut short anywhere
		if got, err := attributes(whole[:n]); err == nil {
			t.Errorf("the first %d bytes are %q", n, got)
		}
	}
}
