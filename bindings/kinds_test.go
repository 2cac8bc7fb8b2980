//go:build linux

package bindings_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"

	"github.com/tism-go/tism/shm"
)

// The types of the tests. Each peer has them in its language.

type sample struct {
	Seq  uint64
	Quat [4]float32
	Raw  [2][3]int16
	Text [4]uint8
	Cell [3]struct {
		ID    uint8
		_     [3]byte
		Volts float32
	}
	Fix struct {
		X  int8
		OK bool
	}
	_    [2]byte
	Mask uint32
	Half float64
	Z    complex128
}

func makeSample(n uint64) (s sample) {
	s.Seq = n
	for i := range 4 {
		s.Quat[i] = float32(n%1000 + uint64(i))
		s.Text[i] = uint8(n + uint64(i))
	}
	for i := range 6 {
		s.Raw[i/3][i%3] = int16(n%1000 + uint64(i))
	}
	for i := range 3 {
		s.Cell[i].ID = uint8(n + uint64(i))
		s.Cell[i].Volts = float32(n%1000)/2 + float32(i)
	}
	s.Fix.X = int8(n % 100)
	s.Fix.OK = n&1 == 1
	s.Mask = ^uint32(n)
	s.Half = float64(n) / 2
	s.Z = complex(float64(n), -float64(n))
	return s
}

// A big value takes long enough to copy to be torn.
type big struct{ Word [1024]uint64 }

func makeBig(n uint64) (b big) {
	for i := range b.Word {
		b.Word[i] = n
	}
	return b
}

const capacity = 1000

func makeBytes(n uint64) []byte {
	b := make([]byte, 8+n%(capacity-8+1))
	binary.LittleEndian.PutUint64(b, n)
	for i := 8; i < len(b); i++ {
		b[i] = byte(n + uint64(i))
	}
	return b
}

func isBytes(b []byte) (uint64, bool) {
	if len(b) < 8 {
		return 0, false
	}
	n := binary.LittleEndian.Uint64(b)
	return n, bytes.Equal(b, makeBytes(n))
}

// A publisher and a consumer of one kind, by numbers.
type publisher interface {
	write(n uint64) error
	lock(n uint64) error
	Close() error
	Remove() error
	File() (*os.File, error)
	TotalWrites() uint64
	Type() shm.Type
}

type consumer interface {
	read() (n uint64, whole bool, err error)
	rlock() (n uint64, whole bool, err error)
	runlock() error
	Wait(context.Context) error
	Info() shm.Info
	HasChanged() bool
	State() shm.State
	TotalWrites() (uint64, error)
	Type() shm.Type
	Close() error
}

type kind interface {
	create(mem bool, name string, n uint64, opts []shm.Option) (publisher, error)
	open(name string, opts ...shm.Option) (consumer, error)
	wait(ctx context.Context, name string) (consumer, error)
	openFile(f *os.File) (consumer, error)
}

var kinds = map[string]kind{
	"sample": typed[sample]{makeSample, func(s *sample) (uint64, bool) { return s.Seq, *s == makeSample(s.Seq) }},
	"big":    typed[big]{makeBig, func(b *big) (uint64, bool) { return b.Word[0], *b == makeBig(b.Word[0]) }},
	"bytes":  untyped{},
}

type typed[T any] struct {
	make func(uint64) T
	is   func(*T) (uint64, bool)
}

func (k typed[T]) create(mem bool, name string, n uint64, opts []shm.Option) (publisher, error) {
	make := shm.Create[T]
	if mem {
		make = shm.CreateMem[T]
	}
	p, err := make(name, k.make(n), opts...)
	if err != nil {
		return nil, err
	}
	return &typedPublisher[T]{p, k}, nil
}

func (k typed[T]) consumer(c *shm.Consumer[T], err error) (consumer, error) {
	if err != nil {
		return nil, err
	}
	return &typedConsumer[T]{Consumer: c, kind: k}, nil
}

func (k typed[T]) open(name string, opts ...shm.Option) (consumer, error) {
	return k.consumer(shm.Open[T](name, opts...))
}

func (k typed[T]) wait(ctx context.Context, name string) (consumer, error) {
	return k.consumer(shm.WaitOpen[T](ctx, name))
}

func (k typed[T]) openFile(f *os.File) (consumer, error) { return k.consumer(shm.OpenFile[T](f)) }

type typedPublisher[T any] struct {
	*shm.Publisher[T]
	kind typed[T]
}

func (p *typedPublisher[T]) write(n uint64) error { return p.Write(p.kind.make(n)) }

func (p *typedPublisher[T]) lock(n uint64) error {
	g, err := p.Loan()
	if err == nil {
		*g.Value() = p.kind.make(n)
	}
	return err
}

type typedConsumer[T any] struct {
	*shm.Consumer[T]
	kind  typed[T]
	guard shm.ReadGuard[T]
}

func (c *typedConsumer[T]) read() (uint64, bool, error) {
	v, err := c.Read()
	n, whole := c.kind.is(&v)
	return n, whole, err
}

func (c *typedConsumer[T]) rlock() (n uint64, whole bool, err error) {
	if c.guard, err = c.RLock(); err == nil {
		n, whole = c.kind.is(c.guard.Value())
	}
	return n, whole, err
}

func (c *typedConsumer[T]) runlock() error { return c.guard.Unlock() }

type untyped struct{}

func (untyped) create(mem bool, name string, n uint64, opts []shm.Option) (publisher, error) {
	make := shm.CreateBytes
	if mem {
		make = shm.CreateMemBytes
	}
	p, err := make(name, capacity, makeBytes(n), opts...)
	if err != nil {
		return nil, err
	}
	return bytesPublisher{p}, nil
}

func (untyped) consumer(c *shm.BytesConsumer, err error) (consumer, error) {
	if err != nil {
		return nil, err
	}
	return &bytesConsumer{BytesConsumer: c}, nil
}

func (k untyped) open(name string, opts ...shm.Option) (consumer, error) {
	return k.consumer(shm.OpenBytes(name, opts...))
}

func (k untyped) wait(ctx context.Context, name string) (consumer, error) {
	return k.consumer(shm.WaitOpenBytes(ctx, name))
}

func (k untyped) openFile(f *os.File) (consumer, error) { return k.consumer(shm.OpenFileBytes(f)) }

type bytesPublisher struct{ *shm.BytesPublisher }

func (p bytesPublisher) write(n uint64) error { return p.Write(makeBytes(n)) }

func (p bytesPublisher) lock(n uint64) error {
	g, err := p.Loan()
	if err == nil {
		copy(g.Value()[:capacity], makeBytes(n))
	}
	return err
}

type bytesConsumer struct {
	*shm.BytesConsumer
	guard shm.BytesReadGuard
}

func (c *bytesConsumer) read() (uint64, bool, error) {
	b, err := c.Read()
	n, whole := isBytes(b)
	return n, whole, err
}

func (c *bytesConsumer) rlock() (n uint64, whole bool, err error) {
	if c.guard, err = c.RLock(); err == nil {
		n, whole = isBytes(c.guard.Value())
	}
	return n, whole, err
}

func (c *bytesConsumer) runlock() error { return c.guard.Unlock() }
