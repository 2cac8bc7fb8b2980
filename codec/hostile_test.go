package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// mostly is a Hoard that has some of everything.
func mostly() Hoard {
	return Hoard{
		Lists: [][]uint64{{1, 1 << 40}, {}, {3}},
		Table: map[string][]uint64{"key": {7}},
		Any:   []any{int64(1), "two", 3.5, map[string]any{"four": nil}},
		Tree:  &Tree{Name: "root", Kids: []Tree{{Name: "kid", Kids: []Tree{{Name: "grandkid"}}}}},
		Deep:  map[string]map[string]Text{"a": {"b": {"c"}}},
	}
}

// hoards makes a topic for a Hoard and hostile bytes. Its consumer has seen that the
// fields agree.
func hoards(t testing.TB) (*codec.Publisher[Hoard], *codec.Consumer[Hoard]) {
	t.Helper()
	p, c := topic(t, 1<<16, Hoard{}, shm.InDir(t.TempDir()))
	_, err := c.Read()
	must(t, err)
	return p, c
}

// TestTruncated cuts a message short everywhere.
func TestTruncated(t *testing.T) {
	p, c := hoards(t)
	v := mostly()
	whole := encode(t, &v)
	for n := range whole {
		must(t, p.BytesPublisher.Write(whole[:n]))
		_, err := c.Read()
		var bad *codec.DecodeError
		if !errors.As(err, &bad) || !errors.Is(err, msgp.ErrShortBytes) {
			t.Fatalf("%d bytes of %d: %v", n, len(whole), err)
		}
		if bad.Offset > n || bad.Number != c.Info().Number {
			t.Errorf("%d bytes of %d: %v", n, len(whole), err)
		}
	}
	must(t, p.BytesPublisher.Write(append(whole, 0)))
	_, err := c.Read()
	wantErr(t, "with another byte", err, codec.ErrTrailing)
	wantText(t, err, "at byte "+itoa(len(whole)))
	must(t, p.BytesPublisher.Write(whole))
	got, err := c.Read()
	must(t, err)
	check(t, "value", len(encode(t, &got)), len(whole))
}

// TestOffsets: errors say at which byte.
func TestOffsets(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		offset int
		want   error
	}{
		"nothing":                    {"", 0, msgp.ErrShortBytes},
		"unused byte":                {"\x81\xa4text\xc1", 6, nil},
		"in what is skipped":         {"\x82\xa1x\x92\x01\xc1\xa4text\xa0", 5, msgp.InvalidPrefixError(0xc1)},
		"text is not all there":      {"\x81\xa4text\xa5ab", 6, msgp.ErrShortBytes},
		"head is not all there":      {"\x81\xa4text\xda\x00", 6, msgp.ErrShortBytes},
		"value is not there":         {"\x81\xa4text", 6, msgp.ErrShortBytes},
		"giant text":                 {"\x81\xa4text\xdb\xff\xff\xff\xffab", 6, msgp.ErrShortBytes},
		"giant map":                  {"\xdf\xff\xff\xff\xff\xa4text\xa0", 0, msgp.ErrShortBytes},
		"giant list that is skipped": {"\x82\xa1x\xdd\xff\xff\xff\xff\xa4text\xa0", 3, msgp.ErrShortBytes},
		"trailing":                   {"\x81\xa4text\xa0\xc0", 7, codec.ErrTrailing},
		"two values":                 {"\x80\x80", 1, codec.ErrTrailing},
	} {
		t.Run(name, func(t *testing.T) {
			p, consumer := topic(t, 100, Text{}, shm.InDir(t.TempDir()))
			must(t, p.BytesPublisher.Write([]byte(c.in)))
			_, err := consumer.Read()
			if c.want != nil { // else it depends on the type
				wantErr(t, "Read", err, c.want)
			}
			var bad *codec.DecodeError
			if !errors.As(err, &bad) || bad.Offset != c.offset {
				t.Errorf("%v, want byte %d", err, c.offset)
			}
			if !errors.As(codec.Check([]byte(c.in)), &bad) || bad.Offset != c.offset {
				t.Errorf("Check: %v, want byte %d", bad, c.offset)
			}
		})
	}
}

// TestGiantLengths: what a message claims to hold is not allocated.
func TestGiantLengths(t *testing.T) {
	p, c := hoards(t)
	field := func(name string, rest ...byte) []byte {
		b := append([]byte{0x81}, msgp.AppendString(nil, name)...)
		return append(b, rest...)
	}
	giant := []byte{0xdd, 0x7f, 0xff, 0xff, 0xff}
	nested := bytes.Repeat([]byte{0xdd, 0, 0, 0xff, 0}, 60)
	octets, err := codec.Create("octets", 100, Octets{}, shm.InDir(t.TempDir()))
	closing(t, octets, err)
	must(t, octets.BytesPublisher.Write(field("list", giant...)))
	wantFrugal(t, "octets", func() error {
		_, err := octets.Read()
		return err
	})
	for name, in := range map[string][]byte{
		"list":        field("lists", giant...),
		"inner list":  field("lists", append([]byte{0x91}, giant...)...),
		"map":         field("table", 0xdf, 0x7f, 0xff, 0xff, 0xff),
		"any list":    field("any", giant...),
		"any map":     field("any", 0xdf, 0x7f, 0xff, 0xff, 0xff),
		"any nested":  field("any", append(nested, make([]byte, 1<<16-1000)...)...),
		"unknown":     field("unknown", giant...),
		"bytes":       field("any", 0xc6, 0xff, 0xff, 0xff, 0xff),
		"extension":   field("any", 0xc9, 0xff, 0xff, 0xff, 0xff, 1),
		"short list":  field("lists", 0xdc, 0xff, 0xff),
		"recursion":   field("tree", append([]byte("\x82\xa4name\xa1x\xa4kids"), giant...)...),
		"map of maps": field("deep", 0x81, 0xa1, 'a', 0xdf, 0x7f, 0xff, 0xff, 0xff),
	} {
		must(t, p.BytesPublisher.Write(in))
		wantFrugal(t, name, func() error {
			_, err := c.Read()
			return err
		})
	}
}

// wantFrugal checks that f fails, and does not allocate much for it.
func wantFrugal(t *testing.T, name string, f func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := f()
	runtime.ReadMemStats(&after)
	if !errors.Is(err, msgp.ErrShortBytes) && !errors.Is(err, msgp.ErrRecursion) {
		t.Errorf("%s: %v", name, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%s: %d bytes allocated", name, n)
	}
}

// TestLimits: msgp's own limits hold where a message is not walked first.
func TestLimits(t *testing.T) {
	p, c := topic(t, 1<<20, Cloud{}, shm.InDir(t.TempDir()))
	must(t, p.Write(Cloud{Points: make([]Point, 4096)}))
	_, err := c.Read()
	must(t, err)
	must(t, p.Write(Cloud{Points: make([]Point, 4097)}))
	_, err = c.Read()
	wantErr(t, "Read", err, msgp.ErrLimitExceeded)
	wantText(t, err, "at byte 11") // 82 a1 t 00 a6 points

	must(t, p.BytesPublisher.Write([]byte("\x81\xa6points\xdd\xff\xff\xff\xff")))
	_, err = c.Read()
	if strconv.IntSize < 64 { // where everything is walked first
		wantErr(t, "Read", err, msgp.ErrShortBytes)
	} else {
		wantErr(t, "Read", err, msgp.ErrLimitExceeded)
	}
}

func TestDeepNesting(t *testing.T) {
	p, c := hoards(t)
	list := func(depth int) []byte {
		return append([]byte("\x81\xa3any"), append(bytes.Repeat([]byte{0x91}, depth), 0xc0)...)
	}
	tree := func(depth int) []byte {
		var v Tree
		for range depth {
			v = Tree{Kids: []Tree{v}}
		}
		h := Hoard{Tree: &v}
		return encode(t, &h)
	}
	skipped := func(depth int) []byte {
		return append([]byte("\x81\xa1x"), append(bytes.Repeat([]byte{0x81, 0xa1, 'x'}, depth), 0xc0)...)
	}
	for name, nest := range map[string]func(int) []byte{"any": list, "tree": tree, "unknown": skipped} {
		must(t, p.BytesPublisher.Write(nest(codec.MaxDepth/2-3)))
		_, err := c.Read()
		must(t, err)
		must(t, p.BytesPublisher.Write(nest(codec.MaxDepth+1)))
		_, err = c.Read()
		wantErr(t, name, err, msgp.ErrRecursion)
		must(t, p.BytesPublisher.Write(nest(4000)))
		_, err = c.Read()
		wantErr(t, name, err, msgp.ErrRecursion)
	}
	// A type that is not walked first: it is as the unknown fields of any.
	q, d := topic(t, 1<<16, SmallMap{}, shm.InDir(t.TempDir()))
	must(t, q.BytesPublisher.Write(skipped(20000)))
	_, err := d.Read()
	wantErr(t, "unknown", err, msgp.ErrRecursion)
}

// TestCheck compares Check with msgp's own idea of what is well-formed.
func TestCheck(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	v := mostly()
	whole := encode(t, &v)
	for range 20000 {
		checkAgainstMsgp(t, mutated(r, whole))
	}
	for lead := range 256 { // all first bytes, with all that could belong to them
		for n := range 24 {
			checkAgainstMsgp(t, append([]byte{byte(lead)}, make([]byte, n)...))
		}
	}
}

func mutated(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(3) {
		b[r.IntN(len(b))] = byte(r.Uint32())
	}
	return b[:len(b)-r.IntN(3)*r.IntN(len(b))/2]
}

func checkAgainstMsgp(t *testing.T, b []byte) {
	t.Helper()
	rest, err := msgp.Skip(b)
	want := err == nil && len(rest) == 0
	got := codec.Check(b)
	if errors.Is(got, msgp.ErrRecursion) {
		return
	}
	if want != (got == nil) {
		t.Fatalf("%x: Check says %v, msgp.Skip leaves %d bytes and says %v", b, got, len(rest), err)
	}
	var bad *codec.DecodeError
	if errors.As(got, &bad) && (bad.Offset < 0 || bad.Offset > len(b) || bad.Number != 0) {
		t.Fatalf("%x: %v", b, got)
	}
}

// TestAllOfHostile: All ends, and yields nothing of what Check refuses.
func TestAllOfHostile(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	v := mostly()
	whole := encode(t, &v)
	for range 5000 {
		b := mutated(r, whole)
		n := 0
		for name := range codec.All(b) {
			if n++; name == "" {
				t.Fatalf("%x: an element without a name", b)
			}
		}
		if refused := codec.Check(b) != nil; refused && n > 0 {
			t.Fatalf("%x: %d elements", b, n)
		}
	}
}

func TestAll(t *testing.T) {
	for in, want := range map[string]string{
		"\x07":                        "value=7",
		"\x90":                        "value=[]",
		"\x80":                        "value=map[]",
		"\x92\x01\x92\xc3\xc0":        "value[0]=1 value[1][0]=true value[1][1]=<nil>",
		"\x81\xa1a\x91\x81\xa1b\x05":  "a[0].b=5",
		"\x82\x01\xa1x\xc4\x01k\xa1y": "1=x k=y",
		"\x81\xa1e\x90":               "e=[]",
		"\x81\xa1e\x80":               "e=map[]",
		"\x81\xa1b\xc4\x02hi":         "b=[104 105]",
		"\xc1":                        "",
	} {
		var got []string
		for name, v := range codec.All([]byte(in)) {
			got = append(got, name+"="+strings.TrimSpace(fmt.Sprint(v)))
		}
		check(t, "elements", strings.Join(got, " "), want)
	}
	for range codec.All([]byte("\x92\x01\x02")) {
		break // which the iterator must bear
	}
}

// FuzzDecode puts any bytes on a topic and reads them as each kind of type.
func FuzzDecode(f *testing.F) {
	v, small, one, two := mostly(), Small{TimeUS: 1}, v1, v2
	cloud := Cloud{Points: make([]Point, 3)}
	frame := Frame{Bytes: []byte("bytes"), Spans: []uint32{1, 2}}
	for _, m := range []msgp.Marshaler{&v, &small, &one, &two, &cloud, &frame} {
		f.Add(encode(f, m))
	}
	f.Add([]byte("\xdd\xff\xff\xff\xff"))
	f.Add(bytes.Repeat([]byte{0x91}, 300))
	f.Add(binary.BigEndian.AppendUint32([]byte{0xc9}, 1<<31))
	in := shm.InDir(f.TempDir())
	p, _ := topic(f, 1<<16, Hoard{}, in)
	readers := []func() error{
		readAs[Hoard](f, in), readAs[Tree](f, in), readAs[msgp.Raw](f, in), readAs[codec.Map](f, in),
		readAs[Small](f, in), readAs[SmallMap](f, in), readAs[Cloud](f, in), readAs[Sweep](f, in),
		readAs[StatusV1](f, in), readAs[StatusV2](f, in), readAs[Frame](f, in), readAs[Text](f, in),
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > p.Size() {
			return
		}
		must(t, p.BytesPublisher.Write(b))
		for i, read := range readers {
			var bad *codec.DecodeError
			switch err := read(); {
			case err == nil && codec.Check(b) != nil && !errors.Is(codec.Check(b), msgp.ErrRecursion):
				t.Errorf("reader %d accepts what is not well-formed", i)
			case err != nil && !errors.As(err, &bad):
				t.Errorf("reader %d: %v", i, err)
			case bad != nil && (bad.Offset < 0 || bad.Offset > len(b)):
				t.Errorf("reader %d: %v of %d bytes", i, err, len(b))
			}
		}
		for range codec.All(b) {
		}
	})
}

// readAs opens the topic and returns a function that reads it, anew and into what was
// read before.
func readAs[T any, P codec.Value[T]](t testing.TB, opts ...shm.Option) func() error {
	c, err := codec.Open[T, P]("topic", opts...)
	closing(t, c, err)
	var v T
	return func() error {
		_, anew := c.Read()
		again := c.ReadInto(&v)
		if (anew == nil) != (again == nil) {
			return fmt.Errorf("Read says %v, ReadInto says %v", anew, again)
		}
		return anew
	}
}
