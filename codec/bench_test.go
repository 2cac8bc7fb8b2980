package codec_test

import (
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// BenchmarkRoundTrip publishes a value and reads it, in every way there is.
func BenchmarkRoundTrip(b *testing.B) {
	benchSizes(b, func(b *testing.B, _, once func() error) {
		for b.Loop() {
			if err := once(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAgainstMarshal reports what BenchmarkRoundTrip measures as a multiple of what
// MarshalMsg and UnmarshalMsg take on a warm slice. The two take turns, and the fastest turn
// of each counts, so that it says something on a busy computer too.
func BenchmarkAgainstMarshal(b *testing.B) {
	const turns = 40
	benchSizes(b, func(b *testing.B, marshal, once func() error) {
		least := [2]time.Duration{time.Hour, time.Hour}
		n := 1 + int(100*time.Microsecond/turn(b, marshal, 1))
		for range turns {
			least[0] = min(least[0], turn(b, marshal, n))
			least[1] = min(least[1], turn(b, once, n))
		}
		for b.Loop() { // so that the benchmark ends
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(least[0])/float64(n), "ns/marshal")
		b.ReportMetric(float64(least[1])/float64(n), "ns/this")
		b.ReportMetric(float64(least[1])/float64(least[0]), "x-marshal")
	})
}

func turn(b *testing.B, once func() error, n int) time.Duration {
	start := time.Now()
	for range n {
		if err := once(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

type measurement func(b *testing.B, marshal, once func() error)

func benchSizes(b *testing.B, measure measurement) {
	small := Small{TimeUS: 1 << 40, Flags: 1 << 20}
	smallMap := SmallMap{TimeUS: 1 << 40, Flags: 1 << 20}
	medium, mediumMap := Medium{TimeUS: 1 << 40}, MediumMap{TimeUS: 1 << 40}
	for i := range medium.Cells {
		medium.Cells[i].Cycles, mediumMap.Cells[i].Cycles = 1<<20, 1<<20
	}
	b.Run("64B/tuple", func(b *testing.B) { benchWays(b, &small, measure) })
	b.Run("64B/map", func(b *testing.B) { benchWays(b, &smallMap, measure) })
	b.Run("1KiB/tuple", func(b *testing.B) { benchWays(b, &medium, measure) })
	b.Run("1KiB/map", func(b *testing.B) { benchWays(b, &mediumMap, measure) })
	b.Run("64KiB/tuple", func(b *testing.B) { benchWays(b, &Large{TimeUS: 1 << 40}, measure) })
	b.Run("64KiB/map", func(b *testing.B) { benchWays(b, &LargeMap{TimeUS: 1 << 40}, measure) })
	b.Run("64KiB/list", func(b *testing.B) { benchWays(b, &Cloud{Points: make([]Point, 3100)}, measure) })
	b.Run("64KiB/walkedlist", func(b *testing.B) { benchWays(b, &Sweep{Points: make([]Point, 3100)}, measure) })
}

func benchWays[T any, P codec.Value[T]](b *testing.B, v *T, measure measurement) {
	for _, way := range []struct {
		name string
		make func(b *testing.B, v *T) func(to *T) error
	}{
		{"marshal", marshalWay[T, P]},
		{"topic", topicWay[T, P]()},
		{"topic-notime", topicWay[T, P](shm.NoTimestamps())},
		{"topic-1buffer", topicWay[T, P](shm.Buffers(1))},
		{"slice-and-copy", copyWay[T, P]},
		{"json", jsonWay[T]},
		{"struct", structWay[T]},
		{"socket", socketWay[T, P]},
	} {
		b.Run(way.name, func(b *testing.B) {
			marshal, once := marshalWay[T, P](b, v), way.make(b, v)
			to := new(T)
			must(b, once(to)) // what is only done once
			b.SetBytes(int64(len(encode(b, P(v)))))
			b.ReportAllocs()
			measure(b, func() error { return marshal(to) }, func() error { return once(to) })
		})
	}
}

// marshalWay is the least that can be: no other process could read it.
func marshalWay[T any, P codec.Value[T]](b *testing.B, v *T) func(to *T) error {
	buf := make([]byte, 0, P(v).Msgsize())
	return func(to *T) (err error) {
		if buf, err = P(v).MarshalMsg(buf[:0]); err == nil {
			_, err = P(to).UnmarshalMsg(buf)
		}
		return err
	}
}

func topicWay[T any, P codec.Value[T]](opts ...shm.Option) func(b *testing.B, v *T) func(to *T) error {
	return func(b *testing.B, v *T) func(to *T) error {
		p, c := topic[T, P](b, P(v).Msgsize(), *v, append(opts, shm.InDir(b.TempDir()))...)
		return func(to *T) error {
			if err := p.WriteFrom(v); err != nil {
				return err
			}
			return c.ReadInto(to)
		}
	}
}

// copyWay is what a program would do with a byte topic alone.
func copyWay[T any, P codec.Value[T]](b *testing.B, v *T) func(to *T) error {
	in := shm.InDir(b.TempDir())
	p, err := shm.CreateBytes("topic", P(v).Msgsize(), nil, in)
	closing(b, p, err)
	c, err := shm.OpenBytes("topic", in)
	closing(b, c, err)
	out, back := make([]byte, 0, P(v).Msgsize()), make([]byte, c.Size())
	return func(to *T) (err error) {
		if out, err = P(v).MarshalMsg(out[:0]); err != nil {
			return err
		}
		if err = p.Write(out); err != nil {
			return err
		}
		n, err := c.ReadInto(back)
		if err == nil {
			_, err = P(to).UnmarshalMsg(back[:n])
		}
		return err
	}
}

func jsonWay[T any](b *testing.B, v *T) func(to *T) error {
	return func(to *T) error {
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, to)
		}
		return err
	}
}

// structWay needs no encoding, where the type allows it.
func structWay[T any](b *testing.B, v *T) func(to *T) error {
	if _, err := shm.TypeOf[T](); err != nil {
		b.Skip(err)
	}
	in := shm.InDir(b.TempDir())
	p, err := shm.Create("topic", *v, in)
	closing(b, p, err)
	c, err := shm.Open[T]("topic", in)
	closing(b, c, err)
	return func(to *T) error {
		if err := p.WriteFrom(v); err != nil {
			return err
		}
		return c.ReadInto(to)
	}
}

// socketWay sends the encoded value through a Unix socket that keeps messages whole.
func socketWay[T any, P codec.Value[T]](b *testing.B, v *T) func(to *T) error {
	near, far := socketPair(b)
	out, back := make([]byte, 0, P(v).Msgsize()), make([]byte, P(v).Msgsize())
	return func(to *T) (err error) {
		if out, err = P(v).MarshalMsg(out[:0]); err != nil {
			return err
		}
		if _, err = near.Write(out); err != nil {
			return err
		}
		n, err := far.Read(back)
		if err == nil {
			_, err = P(to).UnmarshalMsg(back[:n])
		}
		return err
	}
}

func socketPair(b *testing.B) (near, far net.Conn) {
	l, err := net.Listen("unixpacket", filepath.Join(b.TempDir(), "socket"))
	must(b, err)
	defer l.Close()
	near, err = net.Dial("unixpacket", l.Addr().String())
	closing(b, near, err)
	far, err = l.Accept()
	closing(b, far, err)
	return near, far
}
