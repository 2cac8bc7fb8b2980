package codec_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// sizes are capacities below and above the size from which values stay in place.
var sizes = map[string]int{"small": 200, "large": codec.SmallValue + 1}

// each runs f for one and for several buffers, below and above that size.
func each(t *testing.T, f func(t *testing.T, capacity int, opts ...shm.Option)) {
	for size, capacity := range sizes {
		for _, buffers := range []int{1, 2, 4, 15} {
			t.Run(fmt.Sprintf("%s/%d", size, buffers), func(t *testing.T) {
				f(t, capacity, shm.InDir(t.TempDir()), shm.Buffers(buffers))
			})
		}
	}
}

// topic creates a topic and opens it.
func topic[T any, P codec.Value[T]](t testing.TB, capacity int, initial T, opts ...shm.Option) (*codec.Publisher[T], *codec.Consumer[T]) {
	t.Helper()
	p, err := codec.Create[T, P]("topic", capacity, initial, opts...)
	closing(t, p, err)
	c, err := codec.Open[T, P]("topic", opts...)
	closing(t, c, err)
	return p, c
}

func TestTooLarge(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		head := len(encode(t, &Text{})) // grows by up to 2 with the length
		fits := Text{strings.Repeat("x", capacity-head-2)}
		tooLarge := Text{strings.Repeat("y", capacity)}
		p, c := topic(t, capacity, Text{"first"}, opts...)
		for i := range uint64(4) {
			err := p.Write(tooLarge)
			wantErr(t, "Write", err, shm.ErrTooLarge)
			wantText(t, err, "the capacity is "+itoa(capacity), itoa(len(encode(t, &tooLarge)))+" bytes")
			_, err = c.Read()
			must(t, err)
			check(t, "number", c.Info().Number, i+1)
			must(t, p.Write(fits))
			v, err := c.Read()
			must(t, err)
			check(t, "value", v, fits)
		}
		_, err := codec.Create("other", capacity, tooLarge, opts...)
		wantErr(t, "Create", err, shm.ErrTooLarge)
	})
}

// TestTightCapacity publishes a value that fits although msgp asks for more room.
func TestTightCapacity(t *testing.T) {
	v := Small{TimeUS: 1}
	capacity := len(encode(t, &v))
	if v.Msgsize() <= capacity {
		t.Fatal("the worst case is no worse")
	}
	p, c := topic(t, capacity, Small{}, shm.InDir(t.TempDir()))
	must(t, p.Write(v))
	got, err := c.Read()
	must(t, err)
	check(t, "value", got, v)
	v.TimeUS = 1 << 60
	wantErr(t, "Write", p.Write(v), shm.ErrTooLarge)

	cloud := Cloud{Points: make([]Point, codec.SmallValue/8)}
	q, err := codec.Create("cloud", len(encode(t, &cloud)), cloud, shm.InDir(t.TempDir()))
	closing(t, q, err)
	must(t, q.WriteFrom(&cloud))
	check(t, "allocations", testing.AllocsPerRun(10, func() { must(t, q.WriteFrom(&cloud)) }), 0)
}

// TestHandlesKeepNothing: what a value points to is the caller's.
func TestHandlesKeepNothing(t *testing.T) {
	p, c := topic(t, 300, StatusV2{}, shm.InDir(t.TempDir()))
	sent, got := passLegs(t, p, c)
	for start := time.Now(); sent.Value() != nil || got.Value() != nil; runtime.GC() {
		if time.Since(start) > 10*time.Second {
			t.Fatal("a handle keeps what was written or read")
		}
	}
	runtime.KeepAlive(p)
	runtime.KeepAlive(c)
}

// passLegs writes and reads a value with legs, in a frame of its own: what is left on the
// stack keeps memory alive, too.
//
//go:noinline
func passLegs(t *testing.T, p *codec.Publisher[StatusV2], c *codec.Consumer[StatusV2]) (sent, got weak.Pointer[LegV2]) {
	legs := make([]LegV2, 4) // too large to share its memory with something else
	sent = weak.Make(&legs[0])
	must(t, p.Write(StatusV2{Legs: legs}))
	v, err := c.Read()
	must(t, err)
	return sent, weak.Make(&v.Legs[0])
}

// Stubborn encodes itself and then fails, or panics, and lies about its size.
type Stubborn struct {
	bytes int // to encode
	err   error
	panic bool
}

func (s *Stubborn) MarshalMsg(b []byte) ([]byte, error) {
	b = msgp.AppendBytes(b, make([]byte, s.bytes))
	if s.panic {
		panic("stubborn")
	}
	return b, s.err
}

func (s *Stubborn) UnmarshalMsg(b []byte) ([]byte, error) {
	v, rest, err := msgp.ReadBytesZC(b)
	if len(v) == 0 {
		panic("stubborn")
	}
	s.bytes = len(v)
	return rest, err
}

func (s *Stubborn) Msgsize() int { return 1 }

func TestEncodingFails(t *testing.T) {
	refused := errors.New("refused")
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, c := topic(t, capacity, Stubborn{bytes: 3}, opts...)
		for range 20 { // more often than there are buffers
			wantErr(t, "Write", p.Write(Stubborn{bytes: 7, err: refused}), refused)
			wantErr(t, "Write", p.Write(Stubborn{bytes: capacity + 1}), shm.ErrTooLarge)
			wantPanic(t, "Write", func() { _ = p.Write(Stubborn{bytes: 5, panic: true}) })
		}
		v, err := c.Read()
		must(t, err)
		check(t, "bytes", v.bytes, 3)
		check(t, "number", c.Info().Number, 1)
		must(t, p.Write(Stubborn{bytes: 4}))
		v, err = c.Read()
		must(t, err)
		check(t, "bytes", v.bytes, 4)

		must(t, p.BytesPublisher.Write(msgp.AppendBytes(nil, nil)))
		for range 20 {
			wantPanic(t, "Read", func() { _, _ = c.Read() })
		}
		must(t, p.Write(Stubborn{bytes: 5}))
		v, err = c.Read()
		must(t, err)
		check(t, "bytes", v.bytes, 5)

		_, err = codec.Create("other", capacity, Stubborn{err: refused}, opts...)
		wantErr(t, "Create", err, refused)
	})
}

func TestUpdatePanics(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, c := topic(t, capacity, Text{"kept"}, opts...)
		wantPanic(t, "Update", func() {
			_ = p.Update(func(v *Text) {
				v.Text = "lost"
				panic("in f")
			})
		})
		v, err := c.Read()
		must(t, err)
		check(t, "text", v.Text, "kept")
		must(t, p.Update(func(v *Text) { v.Text += " and changed" }))
		v, err = c.Read()
		must(t, err)
		check(t, "text", v.Text, "kept and changed")
	})
}

func TestDescriptor(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, c := topic(t, 300, StatusV2{TimeUS: 7, Mode: "hold", Pose: PoseV2{Yaw: 1.5}, Legs: []LegV2{{North: 2}}}, in)
	for _, have := range []shm.Type{p.Type(), c.Type()} {
		check(t, "type", have.String(), "msgpack StatusV2 300\n")
	}

	_, err := shm.Open[Small]("topic", in)
	wantErr(t, "Open as a struct", err, shm.ErrType)
	wantText(t, err, "msgpack StatusV2 300", "struct Small ", "time_us u64 @0")

	b, err := shm.OpenBytes("topic", in)
	closing(t, b, err)
	payload, err := b.Read()
	must(t, err)
	var names []string
	for name, v := range codec.All(payload) {
		names = append(names, name)
		if want := map[string]any{"t": int64(7), "mode": "hold", "pose.yaw": float32(1.5), "legs[0].n": 2.0}[name]; want != nil && want != v {
			t.Errorf("%s = %#v, want %#v", name, v, want)
		}
	}
	check(t, "names", strings.Join(names, " "), "t mode alt volts pose.roll pose.pitch pose.yaw legs[0].n legs[0].e")

	named, err := codec.Create("named", 10, msgp.Raw{1}, in, shm.WithType(shm.Type{Kind: shm.MessagePack, Name: "Counter"}))
	closing(t, named, err)
	check(t, "type", named.Type().String(), "msgpack Counter 10\n")
	generic, err := codec.Create("generic", 10, codec.Map{}, in)
	closing(t, generic, err)
	check(t, "name", generic.Type().Name, "Map")
}

func TestOtherKinds(t *testing.T) {
	in := shm.InDir(t.TempDir())
	s, err := shm.Create("struct", Small{}, in)
	closing(t, s, err)
	b, err := shm.CreateBytes("bytes", 10, []byte{1}, in)
	closing(t, b, err)
	for _, name := range []string{"struct", "bytes"} {
		_, err := codec.Open[Text](name, in)
		wantErr(t, "Open", err, shm.ErrType)
		wantText(t, err, "the topic holds:\n    "+name, "this program has:\n    msgpack Text", "shm.OpenBytes")
		var mismatch *shm.TypeError
		check(t, "a *shm.TypeError", errors.As(err, &mismatch), true)
		_, err = codec.WaitOpen[Text](t.Context(), name, in)
		wantErr(t, "WaitOpen", err, shm.ErrType)
		status, err := shm.Stat(name, in)
		must(t, err)
		check(t, "consumers left", len(status.Consumers), 0)
	}
	_, err = codec.Create("loan", 10, Loan{}, in)
	wantErr(t, "Create of a type with zerocopy", err, shm.ErrBadType)
	wantText(t, err, "Loan.Inner.Bytes")
	_, err = codec.Create("topic", 0, Text{}, in)
	wantErr(t, "Create without capacity", err, shm.ErrOption)
}

// TestRawAndMap reads what the program has no type for.
func TestRawAndMap(t *testing.T) {
	in := shm.InDir(t.TempDir())
	temp := float32(21.5)
	sent := StatusV2{TimeUS: 7, Mode: "hold", Legs: []LegV2{{North: 2}}, Temp: &temp}
	p, _ := topic(t, 300, sent, in)

	r, err := codec.Open[msgp.Raw]("topic", in)
	closing(t, r, err)
	raw, err := r.Read()
	must(t, err)
	check(t, "raw", string(raw), string(encode(t, &sent)))

	m, err := codec.Open[codec.Map]("topic", in)
	closing(t, m, err)
	v, err := m.Read()
	must(t, err)
	check(t, "fields", strings.Join(slices.Sorted(maps.Keys(v)), " "), "alt legs mode pose t temp volts")
	check(t, "mode", v["mode"], any("hold"))
	check(t, "temp", v["temp"], any(temp))
	check(t, "leg", v["legs"].([]any)[0].(map[string]any)["n"], any(2.0))

	// Forwarded by a program without the type, it is what it was.
	rawAgain, err := codec.Create("raw again", 300, raw, in)
	closing(t, rawAgain, err)
	mapAgain, err := codec.Create("map again", 300, v, in)
	closing(t, mapAgain, err)
	for _, name := range []string{rawAgain.Name(), mapAgain.Name()} {
		c, err := codec.Open[StatusV2](name, in)
		closing(t, c, err)
		got, err := c.Read()
		must(t, err)
		check(t, name, string(encode(t, &got)), string(encode(t, &sent)))
	}

	// Reading again into the same map and bytes keeps nothing of the old value.
	must(t, p.Write(StatusV2{Mode: "land"}))
	same := v
	must(t, m.ReadInto(&v))
	if _, ok := same["temp"]; ok || same["mode"] != "land" {
		t.Errorf("second value: %v in %v", v, same)
	}
	must(t, r.ReadInto(&raw))
	check(t, "raw", string(raw), string(encode(t, &StatusV2{Mode: "land"})))
}

// TestForward passes a value on without decoding it.
func TestForward(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		_, c := topic(t, capacity, Text{"downlink"}, opts...)
		q, err := codec.Create("radio", capacity, Text{}, opts...)
		closing(t, q, err)
		radio, err := codec.Open[Text]("radio", opts...)
		closing(t, radio, err)

		g, err := c.RLock()
		must(t, err)
		check(t, "encoded", string(g.Value()), string(encode(t, &Text{"downlink"})))
		must(t, q.BytesPublisher.Write(g.Value()))
		must(t, g.Unlock())
		v, err := radio.Read()
		must(t, err)
		check(t, "text", v.Text, "downlink")
	})
}

// TestReadIntoKeepsNothing reads a value with few fields over one with many.
func TestReadIntoKeepsNothing(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		temp := float32(3)
		full := StatusV2{Note: "old", Temp: &temp, Legs: make([]LegV2, 3)}
		p, c := topic(t, capacity, full, opts...)
		var v StatusV2
		must(t, c.ReadInto(&v))
		must(t, p.Write(StatusV2{Mode: "new"}))
		must(t, c.ReadInto(&v))
		if v.Note != "" || v.Temp != nil || len(v.Legs) != 0 || v.Mode != "new" {
			t.Errorf("second value: %+v", v)
		}
		must(t, p.BytesPublisher.Write([]byte("\x82\xa1t\x05\xa4mode\x07"))) // the time is right
		v = full
		if err := c.ReadInto(&v); err == nil || v.Legs != nil || v.TimeUS != 0 {
			t.Errorf("after error %v: %+v", err, v)
		}
	})
}

// TestReset reads into memory that is there.
func TestReset(t *testing.T) {
	p, c := topic(t, 300, Frame{Bytes: []byte("twelve bytes"), Spans: []uint32{1, 2, 3}}, shm.InDir(t.TempDir()))
	var v Frame
	must(t, c.ReadInto(&v))
	bytes, spans := &v.Bytes[0], &v.Spans[0]
	must(t, p.Write(Frame{Seq: 1, Bytes: []byte("four"), Spans: []uint32{4}}))
	must(t, c.ReadInto(&v))
	check(t, "bytes", string(v.Bytes), "four")
	check(t, "spans", len(v.Spans), 1)
	if &v.Bytes[0] != bytes || &v.Spans[0] != spans {
		t.Error("memory was not used again")
	}
	// What Read returns is the caller's alone.
	a, err := c.Read()
	must(t, err)
	must(t, p.Write(Frame{Seq: 2, Bytes: []byte("FOUR"), Spans: []uint32{5}}))
	_, err = c.Read()
	must(t, err)
	check(t, "bytes of an older value", string(a.Bytes), "four")
}

// TestDecodeErrorGoesOn reads a value that does not decode, and then the next.
func TestDecodeErrorGoesOn(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, c := topic(t, capacity, Text{"one"}, opts...)
		_, err := c.Read()
		must(t, err)
		must(t, p.BytesPublisher.Write([]byte("\x81\xa4text\x07")))
		_, err = c.Next(soon(t))
		var bad *codec.DecodeError
		if !errors.As(err, &bad) || bad.Number != 2 || bad.Offset != 6 {
			t.Errorf("Next: %v, want a DecodeError of write 2 at byte 6", err)
		}
		wantErr(t, "Next", err, bad)
		wantText(t, err, `read topic "topic"`, "write 2", "byte 6", "Text")
		check(t, "news", c.HasChanged(), false)
		for range 20 { // it leaves no buffer held
			must(t, p.BytesPublisher.Write([]byte{0xc1}))
			if _, err := c.Read(); !errors.As(err, &bad) {
				t.Fatalf("Read: %v", err)
			}
		}
		_, err = p.Read()
		if !errors.As(err, &bad) {
			t.Errorf("publisher's Read: %v", err)
		}
		must(t, p.Write(Text{"three"}))
		u, err := c.Next(soon(t))
		must(t, err)
		check(t, "text", u.Value.Text, "three")
	})
}

func TestAllocations(t *testing.T) {
	testAllocs(t, "numbers", Small{TimeUS: 1}, 0, 0)
	testAllocs(t, "numbers with names", SmallMap{TimeUS: 1}, 0, 0)
	testAllocs(t, "arrays", Medium{TimeUS: 1}, 0, 0)
	testAllocs(t, "arrays with names", MediumMap{TimeUS: 1}, 0, 0)
	testAllocs(t, "lists", Cloud{Points: make([]Point, 30)}, 0, 1)
	testAllocs(t, "lists that are walked", Sweep{Points: make([]Point, 30)}, 0, 1)
	testAllocs(t, "bytes", Frame{Bytes: []byte("bytes"), Spans: []uint32{1}}, 0, 2)
	testAllocs(t, "raw", msgp.Raw("\xa3raw"), 0, 1)
	testAllocs(t, "strings", Text{"must be allocated"}, 1, 1)
}

// testAllocs checks how often a value is allocated for when it is read into one that is
// there, and when it is read anew. Everything else must not allocate.
func testAllocs[T any, P codec.Value[T]](t *testing.T, name string, v T, again, anew float64) {
	t.Run(name, func(t *testing.T) {
		for size, capacity := range map[string]int{"small": P(&v).Msgsize(), "large": codec.SmallValue + 1} {
			for _, opts := range [][]shm.Option{{shm.Buffers(1)}, {shm.Buffers(2)}, {}, {shm.ReadOnly()}} {
				opts := append(opts, shm.InDir(t.TempDir()))
				p, c := topic[T, P](t, capacity, v, opts...)
				allocs := func(what string, want float64, f func() error) {
					t.Helper()
					check(t, size+" "+what+" allocates", testing.AllocsPerRun(50, func() { must(t, f()) }), want)
				}
				var to T
				allocs("WriteFrom", 0, func() error { return p.WriteFrom(&v) })
				allocs("Write", 0, func() error { return p.Write(v) })
				allocs("ReadInto", again, func() error { return c.ReadInto(&to) })
				allocs("Read", anew, func() error {
					_, err := c.Read()
					return err
				})
				must(t, p.Write(v))
				allocs("NextInto", again, func() error {
					_, err := c.NextInto(t.Context(), &to)
					return errors.Join(err, p.WriteFrom(&v))
				})
				if c.CanWrite() {
					allocs("View", 0, func() error { return c.View(func([]byte) {}) })
				}
				must(t, c.Close())
				must(t, p.Close())
			}
		}
	})
}

func TestNextTimeoutOfDead(t *testing.T) {
	dir := t.TempDir()
	child := start(t, nil, "publish/msgpack", 4, dir)
	c, err := codec.WaitOpen[Sample](soon(t), "topic", shm.InDir(dir))
	closing(t, c, err)
	child.kill(t)
	_, err = c.Read()
	must(t, err)
	_, err = c.NextTimeout(time.Millisecond)
	wantErr(t, "NextTimeout", err, shm.ErrTimeout)
	wantText(t, err, "its publisher has died")
}
