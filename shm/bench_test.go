package shm_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// Structs, as users have them: Go copies a bare array that may overlap with a call.
type (
	b8  struct{ A [1]uint64 }
	b64 struct{ A [8]uint64 }
	k1  struct{ A [1 << 7]uint64 }
	k64 struct{ A [1 << 13]uint64 }
	m1  struct{ A [1 << 17]uint64 }
)

// benchDir is a directory of the benchmark's own in /dev/shm: on a disk the kernel writes
// pages back behind our back.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "tism-bench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func benchTopic[T any](b *testing.B, opts ...shm.Option) (*shm.Publisher[T], *shm.Consumer[T]) {
	b.Helper()
	opts = append(opts, shm.InDir(benchDir(b)))
	var zero T
	p, err := shm.Create("bench", zero, opts...)
	if err != nil {
		b.Fatal(err)
	}
	c, err := shm.Open[T]("bench", opts...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
		if err := p.Close(); err != nil {
			b.Error(err)
		}
	})
	return p, c
}

// measure runs op b.N times, in batches of about 0.1 ms, and reports the fastest too: what
// the code costs while no neighbour disturbs it. The C programs do the same. op does
// itself n times, so that no call through a pointer is measured.
func measure(b *testing.B, op func(n int)) {
	b.ResetTimer()
	batch, lowest := 1, math.Inf(1)
	for done := 0; done < b.N; {
		n := min(batch, b.N-done)
		start := time.Now()
		op(n)
		d := time.Since(start)
		done += n
		if d < 50*time.Microsecond {
			batch *= 2
		}
		lowest = min(lowest, float64(d.Nanoseconds())/float64(n))
	}
	b.ReportMetric(lowest, "lowest-ns/op")
}

func benchRead[T any](b *testing.B) {
	_, c := benchTopic[T](b)
	v := new(T)
	b.SetBytes(int64(c.Size()))
	measure(b, func(n int) {
		for range n {
			if err := c.ReadInto(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchWrite[T any](b *testing.B, opts ...shm.Option) {
	p, _ := benchTopic[T](b, opts...)
	v := new(T)
	b.SetBytes(int64(p.Size()))
	measure(b, func(n int) {
		for range n {
			if err := p.WriteFrom(v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	b.Run("8B", benchRead[b8])
	b.Run("64B", benchRead[b64])
	b.Run("1KiB", benchRead[k1])
	b.Run("64KiB", benchRead[k64])
	b.Run("1MiB", benchRead[m1])
	b.Run("64B/bytes", benchReadBytes)
}

func benchReadBytes(b *testing.B) {
	_, c := benchTopic[b64](b)
	bytes, err := shm.OpenBytes(c.Name(), shm.InDir(filepath.Dir(c.Path())))
	if err != nil {
		b.Fatal(err)
	}
	defer bytes.Close()
	dst := make([]byte, c.Size())
	measure(b, func(n int) {
		for range n {
			if _, err := bytes.ReadInto(dst); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	b.Run("8B", func(b *testing.B) { benchWrite[b8](b) })
	b.Run("64B", func(b *testing.B) { benchWrite[b64](b) })
	b.Run("1KiB", func(b *testing.B) { benchWrite[k1](b) })
	b.Run("64KiB", func(b *testing.B) { benchWrite[k64](b) })
	b.Run("1MiB", func(b *testing.B) { benchWrite[m1](b) })
	b.Run("64B/notime", func(b *testing.B) { benchWrite[b64](b, shm.NoTimestamps()) })
	b.Run("64B/1buffer/notime", func(b *testing.B) { benchWrite[b64](b, shm.NoTimestamps(), shm.Buffers(1)) })
}

func benchGuard(b *testing.B, buffers int) {
	_, c := benchTopic[b64](b, shm.Buffers(buffers))
	measure(b, func(n int) {
		for range n {
			g, err := c.RLock()
			if err != nil {
				b.Fatal(err)
			}
			if err := g.Unlock(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReadGuard(b *testing.B) {
	b.Run("1buffer", func(b *testing.B) { benchGuard(b, 1) })
	b.Run("4buffers", func(b *testing.B) { benchGuard(b, 4) })
}

func BenchmarkNow(b *testing.B) {
	measure(b, func(n int) {
		for range n {
			shm.Now()
		}
	})
}
