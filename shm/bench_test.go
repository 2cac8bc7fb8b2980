package shm_test

import (
	"os"
	"testing"

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

func benchRead[T any](b *testing.B) {
	_, c := benchTopic[T](b)
	var v T
	b.SetBytes(int64(c.Size()))
	b.ResetTimer()
	for range b.N {
		if err := c.ReadInto(&v); err != nil {
			b.Fatal(err)
		}
	}
}

func benchWrite[T any](b *testing.B, opts ...shm.Option) {
	p, _ := benchTopic[T](b, opts...)
	var v T
	b.SetBytes(int64(p.Size()))
	b.ResetTimer()
	for range b.N {
		if err := p.WriteFrom(&v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	b.Run("8B", benchRead[b8])
	b.Run("64B", benchRead[b64])
	b.Run("1KiB", benchRead[k1])
	b.Run("64KiB", benchRead[k64])
	b.Run("1MiB", benchRead[m1])
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
	b.ResetTimer()
	for range b.N {
		g, err := c.RLock()
		if err != nil {
			b.Fatal(err)
		}
		if err := g.Unlock(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadGuard(b *testing.B) {
	b.Run("1buffer", func(b *testing.B) { benchGuard(b, 1) })
	b.Run("4buffers", func(b *testing.B) { benchGuard(b, 4) })
}
