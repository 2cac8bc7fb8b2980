package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

func testGeometry(t testing.TB) geometry {
	t.Helper()
	typ, err := ParseType("struct A 48\nt u64 @0\nv f64[5] @8\n")
	if err != nil {
		t.Fatal(err)
	}
	return geometry{buffers: 4, slots: 128, capacity: 48, typ: typ}
}

func TestHeaderRoundTrip(t *testing.T) {
	g := testGeometry(t)
	got, err := parseHeader(g.header(), g.fileSize())
	if err != nil {
		t.Fatal(err)
	}
	if got.buffers != g.buffers || got.slots != g.slots || got.capacity != g.capacity || got.typ.String() != g.typ.String() {
		t.Errorf("parseHeader(header()) = %+v, want %+v", got, g)
	}
}

// Whatever bit of a header flips, it is noticed, unless the header is as good with it:
// another descriptor of the same size, or another number of slots in the same space.
func TestHeaderEveryBit(t *testing.T) {
	g := testGeometry(t)
	good := g.header()
	for i := range good {
		for bit := range 8 {
			bad := append([]byte{}, good...)
			bad[i] ^= 1 << bit
			got, err := parseHeader(bad, g.fileSize())
			if err == nil && i < headerFixed && got.slots == g.slots {
				t.Errorf("byte %d, bit %d: not noticed", i, bit)
			}
			if err != nil && !errors.Is(err, ErrNotTopic) && !errors.Is(err, ErrVersion) {
				t.Errorf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range good {
		if _, err := parseHeader(good[:n], g.fileSize()); !errors.Is(err, ErrNotTopic) {
			t.Errorf("%d bytes of header: %v, want ErrNotTopic", n, err)
		}
	}
	if _, err := parseHeader(good, g.fileSize()-1); !errors.Is(err, ErrNotTopic) {
		t.Errorf("short file: %v, want ErrNotTopic", err)
	}
}

func TestHeaderVersion(t *testing.T) {
	g := testGeometry(t)
	h := g.header()
	binary.LittleEndian.PutUint32(h[hVersion:], 2)
	if _, err := parseHeader(h, g.fileSize()); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("newer version: %v, want ErrVersion that names it", err)
	}
}

func FuzzHeader(f *testing.F) {
	g := testGeometry(f)
	f.Add(g.header(), g.fileSize())
	f.Add([]byte(magic), int64(0))
	f.Fuzz(func(t *testing.T, h []byte, size int64) {
		g, err := parseHeader(h, size)
		if err != nil {
			if !errors.Is(err, ErrNotTopic) && !errors.Is(err, ErrVersion) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if g.fileSize() > size || g.buffers < 1 || g.buffers > MaxBuffers || g.slots < 1 || g.slots > MaxSlots || g.capacity < 1 {
			t.Fatalf("accepted %+v in a file of %d bytes", g, size)
		}
		for i, r := range g.ranges() {
			if r.off < 0 || r.len <= 0 || r.off+r.len > g.fileSize() || i > 0 && r.off%areaAlign != 0 {
				t.Fatalf("range %d of %+v is %+v", i, g, r)
			}
		}
	})
}

// The page that other languages are written from says what this package does.
func TestLayoutPage(t *testing.T) {
	page, err := os.ReadFile("../docs/LAYOUT.md")
	if err != nil {
		t.Fatal(err)
	}
	var p publisherWords
	var c controlWords
	var b bufferWords
	rows := []string{
		"layout, version 1",
		fmt.Sprintf("| publisher words | %d | %d |", publisherOff, publisherLen),
		fmt.Sprintf("| control | %d | %d + %d × slots |", controlOff, controlHead, slotLen),
		fmt.Sprintf("| header | 0 | %d + descriptor |", headerFixed),
		fmt.Sprintf("stride = %d + roundup(capacity, 64)", bufferHead),
		"74 69 73 6d 0d 0a 1a 0a",
		fmt.Sprintf("| %d | u32 | layout version: %d |", hVersion, LayoutVersion),
		fmt.Sprintf("| %d | u32 | buffers |", hBuffers),
		fmt.Sprintf("| %d | u32 | slots |", hSlots),
		fmt.Sprintf("| %d | u32 | length of the descriptor in bytes, at most %d |", hDescLen, maxDescriptor),
		fmt.Sprintf("| %d | u64 | size |", hFileSize),
		fmt.Sprintf("| %d | u64 | *B* |", hBuffersOff),
		fmt.Sprintf("| %d | u64 | stride |", hStride),
		fmt.Sprintf("| %d | u64 | capacity |", hCapacity),
		fmt.Sprintf("| %d | `W` |", unsafe.Offsetof(p.lock)),
		fmt.Sprintf("| %d | `latest` |", unsafe.Offsetof(p.latest)),
		fmt.Sprintf("| %d | `want` |", unsafe.Offsetof(p.want)),
		fmt.Sprintf("| %d | `state` | %d new, %d open, %d closed |", unsafe.Offsetof(p.state), stateNew, stateOpen, stateClosed),
		fmt.Sprintf("| %d | `retired` |", unsafe.Offsetof(p.retired)),
		fmt.Sprintf("| %d | `generation` |", unsafe.Offsetof(p.generation)),
		fmt.Sprintf("| %d | `pid` |", unsafe.Offsetof(p.pid)),
		fmt.Sprintf("| %d | `command` |", unsafe.Offsetof(p.command)),
		fmt.Sprintf("| %d | `base_lo`, `base_hi` |", unsafe.Offsetof(p.baseLo)),
		fmt.Sprintf("| %d | `notify` |", unsafe.Offsetof(c.notify)),
		fmt.Sprintf("| %d | `hi` |", unsafe.Offsetof(c.hi)),
		fmt.Sprintf("| %d | `freed` |", unsafe.Offsetof(c.freed)),
		fmt.Sprintf("| %d + 64 × i | slot i |", unsafe.Sizeof(c)),
		fmt.Sprintf("0 `lock` (section 8), %d `pins` (a bit per buffer), %d `pid`, %d–%d `command`", 1+userPins, 1+userPID, 1+userCommand, 4+userCommand),
		fmt.Sprintf("| %d | word | `bseq`:", unsafe.Offsetof(b.sequence)),
		fmt.Sprintf("| %d | u32 | length of the payload", unsafe.Offsetof(b.length)),
		fmt.Sprintf("| %d | u64 | number of the publication", unsafe.Offsetof(b.number)),
		fmt.Sprintf("| %d | i64 | time of publication", unsafe.Offsetof(b.published)),
		fmt.Sprintf("| %d | i64 | time of the sample", unsafe.Offsetof(b.sampled)),
		fmt.Sprintf("| %d | bytes | payload |", bufferHead),
		"| 2^30 − 2 | *signed byte*", "| 2^30 − 1 | *name byte*", "| 2^30 | the publisher |", "| 2^30 + 1 + i | the consumer of slot i |",
		fmt.Sprintf("`slots` 1 to %d", MaxSlots), fmt.Sprintf("1 to %d bytes, is valid UTF-8", MaxName),
	}
	for _, row := range rows {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/LAYOUT.md does not say %q", row)
		}
	}
}
