package checks

import (
	"encoding/binary"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// Topics as docs/LAYOUT.md describes them: their files are read as any other language would.

var layoutTests = []suite.Test{
	{Name: "layout/bytes", About: "a topic's bytes are where docs/LAYOUT.md says, whatever the CPU and its pages", Run: layoutBytes},
	{Name: "layout/words", About: "the words and locks that change while a topic is used are where docs/LAYOUT.md says", Run: layoutWords},
	{Name: "layout/portable", About: "implicit padding that differs between word sizes is found out", Run: layoutPortable},
}

// Offsets of areas, with few slots, and the length of a buffer with up to 64 bytes in it.
const (
	publisherAt = 65536
	controlAt   = 131072
	buffersAt   = 196608
	stride      = 64 + 64
)

// A fact is what a file says, and what it has to say.
type fact struct {
	what      string
	got, want any
}

func agree(t *suite.T, facts []fact) {
	for _, f := range facts {
		if f.got != f.want {
			t.Errorf("%s: %v, want %v", f.what, f.got, f.want)
		}
	}
}

// A portable struct, with every kind of field.
type everything struct {
	U8   uint8
	_    [7]byte
	U64  uint64
	F32  float32
	I16  [2]int16
	F64  [3]float64
	Flag bool
	_    [7]byte
}

// layoutBytes reads the file as any other language would, by the offsets of docs/LAYOUT.md.
func layoutBytes(t *suite.T) {
	dir := t.TempDir()
	const buffers, slots = 3, 5
	v := everything{U8: 0x11, U64: 0x2233445566778899, F32: 1.5, I16: [2]int16{-2, 3}, F64: [3]float64{4, 5, 6}, Flag: true}
	p, err := shm.Create(topic, v, shm.InDir(dir), shm.Buffers(buffers), shm.Slots(slots))
	t.Must(err)
	defer p.Close()
	c, err := shm.Open[everything](topic, shm.InDir(dir))
	t.Must(err)
	defer c.Close()
	file, err := os.ReadFile(dir + "/" + topic)
	t.Must(err)
	le := binary.LittleEndian
	descriptor := string(file[128 : 128+le.Uint32(file[20:])])
	latest := le.Uint32(file[publisherAt+4:])
	buffer := buffersAt + int(latest&15)*stride
	agree(t, []fact{
		{"magic", string(file[:8]), "tism\r\n\x1a\n"},
		{"layout version", le.Uint32(file[8:]), uint32(1)},
		{"buffers", le.Uint32(file[12:]), uint32(buffers)},
		{"slots", le.Uint32(file[16:]), uint32(slots)},
		{"size", le.Uint64(file[24:]), uint64(buffersAt + buffers*stride)},
		{"length of the file", len(file), buffersAt + buffers*stride},
		{"offset of the buffers", le.Uint64(file[32:]), uint64(buffersAt)},
		{"stride", le.Uint64(file[40:]), uint64(stride)},
		{"capacity", le.Uint64(file[48:]), uint64(56)},
		{"descriptor", descriptor, "struct everything 56\nu8 u8 @0\nu64 u64 @8\nf32 f32 @16\ni16 i16[2] @20\nf64 f64[3] @24\nflag bool @48\n"},
		{"version in latest", latest >> 4, uint32(1)},
		{"state", le.Uint32(file[publisherAt+12:]), uint32(1)},
		{"generation is even", le.Uint32(file[publisherAt+64:]) % 2, uint32(0)},
		{"publisher's PID", le.Uint32(file[publisherAt+68:]), uint32(os.Getpid())},
		{"hi", le.Uint32(file[controlAt+64:]), uint32(1)},
		{"consumer's PID", le.Uint32(file[controlAt+128+8:]), uint32(os.Getpid())},
		{"bseq", le.Uint32(file[buffer:]), uint32(1 << 1)},
		{"length", le.Uint32(file[buffer+4:]), uint32(56)},
		{"number", le.Uint64(file[buffer+8:]), uint64(1)},
		{"payload u8", file[buffer+64], byte(0x11)},
		{"payload u64", le.Uint64(file[buffer+72:]), uint64(0x2233445566778899)},
		{"payload i16[1]", le.Uint16(file[buffer+64+22:]), uint16(3)},
		{"payload flag", file[buffer+64+48], byte(1)},
	})
}

// A topicFile is a topic as others see it.
type topicFile struct {
	t *suite.T
	f *os.File
}

func openTopicFile(t *suite.T, dir string) topicFile {
	return topicFile{t, openForLocks(t, dir+"/"+topic, os.O_RDONLY)}
}

func (f topicFile) word(offset int) uint32 {
	var b [4]byte
	_, err := f.f.ReadAt(b[:], int64(offset))
	f.t.Must(err)
	return binary.LittleEndian.Uint32(b[:])
}

func (f topicFile) long(offset int) uint64 {
	return uint64(f.word(offset)) | uint64(f.word(offset+4))<<32
}

// held reports whether somebody has a role.
func (f topicFile) held(role int64) bool {
	kind, _, err := lockedBy(f.f, 1<<30+role)
	f.t.Must(err)
	return kind != unix.F_UNLCK
}

func layoutWords(t *suite.T) {
	const taken = 12345
	dir := t.TempDir()
	create := func(number uint64, buffers int) *shm.Publisher[[8]uint64] {
		p, err := shm.Create(topic, *stamped[[8]uint64](number), shm.InDir(dir), shm.Buffers(buffers), shm.Slots(5), shm.Timeout(patience))
		t.Must(err)
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	t.Must(create(1, 2).Close())
	p := create(2, 2) // takes it over
	c, err := shm.Open[[8]uint64](topic, shm.InDir(dir))
	t.Must(err)
	t.Cleanup(func() { _ = c.Close() })
	f := openTopicFile(t, dir)
	rung, earliest := f.word(controlAt), shm.Now()
	t.Must(p.WriteFromAt(stamped[[8]uint64](3), taken))
	index := int(f.word(publisherAt+4) & 15)
	buffer := buffersAt + index*stride
	published := shm.Time(f.long(buffer + 16))
	if published < earliest || published > shm.Now() {
		t.Errorf("published: %d, want a time between %d and now", published, earliest)
	}
	agree(t, []fact{
		{"base: the predecessor's publications", f.long(publisherAt + 88), uint64(1)},
		{"notify: a ring more", f.word(controlAt), rung + 1<<1},
		{"number", f.long(buffer + 8), uint64(3)},
		{"sampled", f.long(buffer + 24), uint64(taken)},
		{"the publisher's role is taken", f.held(0), true},
		{"the publisher has signed", f.held(-2), true},
		{"nobody removes the topic", f.held(-1), false},
		{"the role of slot 0 is taken", f.held(1), true},
		{"the role of slot 1 is taken", f.held(2), false},
	})

	// Of the two buffers one is the newest and the other one is held.
	g, err := c.RLock()
	t.Must(err)
	t.Must(p.WriteFrom(stamped[[8]uint64](4)))
	agree(t, []fact{{"pins", f.word(controlAt + 128 + 4), uint32(1) << index}, {"want", f.word(publisherAt + 8), uint32(0)}, {"freed", f.word(controlAt + 68), uint32(0)}})
	wrote := make(chan error)
	go func() { wrote <- p.WriteFrom(stamped[[8]uint64](5)) }()
	t.Eventually("want is 1: the publisher waits for a buffer", func() bool { return f.word(publisherAt+8) == 1 })
	t.Must(g.Unlock())
	t.Must(<-wrote)
	agree(t, []fact{{"pins after unlock", f.word(controlAt + 128 + 4), uint32(0)}, {"want after the wait", f.word(publisherAt + 8), uint32(0)}, {"freed after the wait", f.word(controlAt + 68), uint32(1)}})
	t.Must(p.Close())
	agree(t, []fact{{"state after close", f.word(publisherAt + 12), uint32(2)}, {"the publisher's role is taken after close", f.held(0), false}})
	layoutLock(t)
}

// layoutLock looks at the lock of a topic with one buffer.
func layoutLock(t *suite.T) {
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir), shm.Buffers(1))
	t.Must(err)
	defer p.Close()
	t.Must(writeNext(p))
	c, err := shm.Open[[8]uint64](topic, shm.InDir(dir))
	t.Must(err)
	defer c.Close()
	f := openTopicFile(t, dir)
	g, err := c.RLock()
	t.Must(err)
	agree(t, []fact{{"lock of a held slot", f.word(controlAt + 128), uint32(1)}, {"W, open after two writes", f.word(publisherAt), uint32(2 << 2)}})
	t.Must(g.Unlock())
	agree(t, []fact{{"lock of a slot after unlock", f.word(controlAt + 128), uint32(0)}})
	w, err := p.Lock()
	t.Must(err)
	agree(t, []fact{{"W while it is written", f.word(publisherAt), uint32(2<<2 | 2)}})
	t.Must(w.Unlock())
}

// unportable has padding between its fields on 64-bit CPUs and none on 32-bit ones.
type unportable struct {
	A uint32
	B uint64
}

func layoutPortable(t *suite.T) {
	t.Must(shm.CheckPortable[everything]())
	if err := shm.CheckPortable[unportable](); err == nil || !strings.Contains(err.Error(), "B") {
		t.Errorf("a struct whose layout depends on the CPU passes, or the error does not name the field: %v", err)
	}
}
