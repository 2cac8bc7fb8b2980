package codec_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// A publisher is what the publishers of all kinds of topics can do.
type publisher[T any] interface {
	io.Closer
	Write(T) error
	WriteAt(T, shm.Time) error
	Read() (T, error)
	Name() string
	Type() shm.Type
	Size() int
	TotalWrites() uint64
	Unlinked() bool
	File() (*os.File, error)
	Remove() error
}

// A consumer is what the consumers of all kinds of topics can do.
type consumer[T any] interface {
	io.Closer
	shm.Waitable
	Read() (T, error)
	ReadChange() (T, bool, error)
	Next(context.Context) (shm.Update[T], error)
	Updates(context.Context) iter.Seq2[shm.Update[T], error]
	Wait(context.Context) error
	WaitPublisher(context.Context) error
	HasChanged() bool
	Info() shm.Info
	Staleness() (time.Duration, bool)
	TotalWrites() (uint64, error)
	State() shm.State
	Publisher() (int, string)
	Name() string
	Type() shm.Type
	Size() int
	CanWrite() bool
	Unlinked() bool
}

// A typedPublisher and a typedConsumer can do what those of bytes cannot.
type typedPublisher[T any] interface {
	publisher[T]
	WriteFrom(*T) error
	WriteFromAt(*T, shm.Time) error
	Update(func(*T)) error
}

type typedConsumer[T any] interface {
	consumer[T]
	ReadInto(*T) error
	NextInto(context.Context, *T) (shm.Info, error)
	NextTimeout(time.Duration) (shm.Update[T], error)
}

type lazyPublisher[T any] interface {
	io.Closer
	Write(T) error
	Allocate(T) error
	HasAllocated() bool
}

// Packages shm and codec offer the same.
var (
	_ typedPublisher[Sample] = (*shm.Publisher[Sample])(nil)
	_ typedPublisher[Sample] = (*codec.Publisher[Sample])(nil)
	_ publisher[[]byte]      = (*shm.BytesPublisher)(nil)
	_ typedConsumer[Sample]  = (*shm.Consumer[Sample])(nil)
	_ typedConsumer[Sample]  = (*codec.Consumer[Sample])(nil)
	_ consumer[[]byte]       = (*shm.BytesConsumer)(nil)
	_ lazyPublisher[Sample]  = (*shm.LazyPublisher[Sample])(nil)
	_ lazyPublisher[Sample]  = (*codec.LazyPublisher[Sample])(nil)
)

// A writeGuard and a readGuard are what guards of all kinds can do.
type writeGuard interface {
	Unlock() error
	Discard() error
}

type readGuard interface {
	Unlock() error
	Info() shm.Info
}

// A kind is a kind of topic: how to make and open one, and what to publish on it.
type kind[T any] struct {
	name   string
	make   func(n uint64) T          // the value that says n
	number func(v T) (uint64, error) // what it says, if it is whole

	create    func(name string, initial T, opts ...shm.Option) (publisher[T], error)
	createMem func(name string, initial T, opts ...shm.Option) (publisher[T], error)
	lazy      func(name string, opts ...shm.Option) lazyPublisher[T] // nil: there is no such thing
	open      func(name string, opts ...shm.Option) (consumer[T], error)
	waitOpen  func(ctx context.Context, name string, opts ...shm.Option) (consumer[T], error)
	openFile  func(f *os.File, opts ...shm.Option) (consumer[T], error)
	clone     func(consumer[T]) (consumer[T], error)
	lock      func(publisher[T]) (writeGuard, error)
	rlock     func(consumer[T]) (readGuard, error)
	oversize  func(publisher[T]) error // writes too much; nil: cannot be
}

var structKind = kind[Sample]{
	name:   "struct",
	make:   sample,
	number: numberOf,
	create: func(name string, v Sample, opts ...shm.Option) (publisher[Sample], error) {
		return shm.Create(name, v, opts...)
	},
	createMem: func(name string, v Sample, opts ...shm.Option) (publisher[Sample], error) {
		return shm.CreateMem(name, v, opts...)
	},
	lazy: func(name string, opts ...shm.Option) lazyPublisher[Sample] { return shm.Lazy[Sample](name, opts...) },
	open: func(name string, opts ...shm.Option) (consumer[Sample], error) {
		return shm.Open[Sample](name, opts...)
	},
	waitOpen: func(ctx context.Context, name string, opts ...shm.Option) (consumer[Sample], error) {
		return shm.WaitOpen[Sample](ctx, name, opts...)
	},
	openFile: func(f *os.File, opts ...shm.Option) (consumer[Sample], error) {
		return shm.OpenFile[Sample](f, opts...)
	},
	clone: func(c consumer[Sample]) (consumer[Sample], error) { return c.(*shm.Consumer[Sample]).Clone() },
	lock:  func(p publisher[Sample]) (writeGuard, error) { return p.(*shm.Publisher[Sample]).Lock() },
	rlock: func(c consumer[Sample]) (readGuard, error) { return c.(*shm.Consumer[Sample]).RLock() },
}

// capacity is enough for every value of the suite.
const capacity = 512

var bytesKind = kind[[]byte]{
	name:   "bytes",
	make:   func(n uint64) []byte { return encodeSample(sample(n)) },
	number: func(b []byte) (uint64, error) { return decodeSample(b) },
	create: func(name string, v []byte, opts ...shm.Option) (publisher[[]byte], error) {
		return shm.CreateBytes(name, capacity, v, opts...)
	},
	createMem: func(name string, v []byte, opts ...shm.Option) (publisher[[]byte], error) {
		return shm.CreateMemBytes(name, capacity, v, opts...)
	},
	open: func(name string, opts ...shm.Option) (consumer[[]byte], error) { return shm.OpenBytes(name, opts...) },
	waitOpen: func(ctx context.Context, name string, opts ...shm.Option) (consumer[[]byte], error) {
		return shm.WaitOpenBytes(ctx, name, opts...)
	},
	openFile: func(f *os.File, opts ...shm.Option) (consumer[[]byte], error) { return shm.OpenFileBytes(f, opts...) },
	clone:    func(c consumer[[]byte]) (consumer[[]byte], error) { return c.(*shm.BytesConsumer).Clone() },
	lock:     func(p publisher[[]byte]) (writeGuard, error) { return p.(*shm.BytesPublisher).Lock() },
	rlock:    func(c consumer[[]byte]) (readGuard, error) { return c.(*shm.BytesConsumer).RLock() },
	oversize: func(p publisher[[]byte]) error { return p.Write(make([]byte, capacity+1)) },
}

// The capacity decides whether values are encoded and decoded in place.
var (
	msgpackKind = msgpackOf("msgpack", capacity)
	inPlaceKind = msgpackOf("inplace", codec.SmallValue+1)
)

func msgpackOf(name string, capacity int) kind[Sample] {
	return kind[Sample]{
		name:   name,
		make:   sample,
		number: numberOf,
		create: func(name string, v Sample, opts ...shm.Option) (publisher[Sample], error) {
			return codec.Create(name, capacity, v, opts...)
		},
		createMem: func(name string, v Sample, opts ...shm.Option) (publisher[Sample], error) {
			return codec.CreateMem(name, capacity, v, opts...)
		},
		lazy: func(name string, opts ...shm.Option) lazyPublisher[Sample] {
			return codec.Lazy[Sample](name, capacity, opts...)
		},
		open: func(name string, opts ...shm.Option) (consumer[Sample], error) {
			return codec.Open[Sample](name, opts...)
		},
		waitOpen: func(ctx context.Context, name string, opts ...shm.Option) (consumer[Sample], error) {
			return codec.WaitOpen[Sample](ctx, name, opts...)
		},
		openFile: func(f *os.File, opts ...shm.Option) (consumer[Sample], error) {
			return codec.OpenFile[Sample](f, opts...)
		},
		clone: func(c consumer[Sample]) (consumer[Sample], error) { return c.(*codec.Consumer[Sample]).Clone() },
		lock:  func(p publisher[Sample]) (writeGuard, error) { return p.(*codec.Publisher[Sample]).Lock() },
		rlock: func(c consumer[Sample]) (readGuard, error) { return c.(*codec.Consumer[Sample]).RLock() },
		oversize: func(p publisher[Sample]) error {
			return p.(*codec.Publisher[Sample]).BytesPublisher.Write(make([]byte, capacity+1))
		},
	}
}

// sample returns the value that says n. Its encoded length varies with n.
func sample(n uint64) Sample {
	s := Sample{Seq: n}
	for i := range s.Words {
		s.Words[i] = word(n, i)
	}
	return s
}

func word(n uint64, i int) uint64 { return (n + uint64(i)) * (n + uint64(i)) * 0x9e3779b9 >> (n % 40) }

// numberOf returns what the value says, unless it is half of one and half of another.
func numberOf(s Sample) (uint64, error) {
	for i, w := range s.Words {
		if w != word(s.Seq, i) {
			return 0, fmt.Errorf("torn: word %d of value %d is %#x", i, s.Seq, w)
		}
	}
	return s.Seq, nil
}

func encodeSample(s Sample) []byte {
	b := binary.LittleEndian.AppendUint64(nil, s.Seq)
	for _, w := range s.Words[:s.Seq%uint64(len(s.Words))] { // so that lengths vary
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func decodeSample(b []byte) (uint64, error) {
	if len(b) < 8 {
		return 0, fmt.Errorf("torn: %d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if string(b) != string(encodeSample(sample(n))) {
		return 0, fmt.Errorf("torn: value %d is %x", n, b)
	}
	return n, nil
}
