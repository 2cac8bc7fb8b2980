package codec

import (
	"fmt"

	"github.com/tism-go/tism/shm"
)

// A Publisher publishes values of type T, encoded as MessagePack. In all else it is as
// a [shm.Publisher]. Its errors are those too, and [shm.ErrTooLarge] with size and
// capacity for a value that does not fit; after an error the topic is as it was, with
// one buffer too.
//
// The methods of the embedded publisher that it does not redefine (Lock, Loan and
// their guards) deal in encoded bytes, and so does its BytesPublisher.Write.
type Publisher[T any] struct {
	*shm.BytesPublisher
	m       *methods[T]
	direct  bool   // values are encoded straight into the next buffer
	value   T      // of Write: it would escape if it were encoded from the stack
	scratch []byte // for what is not encoded in place
}

// Create makes a topic whose encoded values have up to capacity bytes, and publishes
// initial as the first one. msgp's Msgsize of the largest value is a capacity that is
// always enough. Errors are those of [shm.Create], [shm.ErrTooLarge] and MarshalMsg's.
//
// The topic is marked as MessagePack with T's name; [shm.WithType] with another name
// overrides that.
func Create[T any, P Value[T]](name string, capacity int, initial T, opts ...shm.Option) (*Publisher[T], error) {
	return create[T, P](name, capacity, &initial, opts, shm.CreateBytes)
}

// CreateMem makes a topic without a name: see [shm.CreateMem].
func CreateMem[T any, P Value[T]](name string, capacity int, initial T, opts ...shm.Option) (*Publisher[T], error) {
	return create[T, P](name, capacity, &initial, opts, shm.CreateMemBytes)
}

// A creator is shm.CreateBytes or shm.CreateMemBytes.
type creator func(string, int, []byte, ...shm.Option) (*shm.BytesPublisher, error)

func create[T any, P Value[T]](name string, capacity int, initial *T, opts []shm.Option, make creator) (*Publisher[T], error) {
	fail := func(err error) (*Publisher[T], error) { return nil, &shm.OpError{Op: "create", Topic: name, Err: err} }
	m, err := methodsOf[T, P]()
	if err != nil {
		return fail(err)
	}
	encoded, err := m.marshal(initial, nil)
	if err != nil {
		return fail(encoding(err))
	}
	p, err := make(name, capacity, encoded, append([]shm.Option{shm.WithType(typeOf[T]())}, opts...)...)
	if err != nil {
		return nil, err
	}
	return &Publisher[T]{BytesPublisher: p, m: m, direct: p.Buffers() > 1 && p.Size() > smallValue}, nil
}

// Write publishes v.
func (p *Publisher[T]) Write(v T) error { return p.WriteAt(v, 0) }

// WriteFrom publishes *v, which a large T makes cheaper than Write.
func (p *Publisher[T]) WriteFrom(v *T) error { return p.write(v, 0) }

// WriteAt publishes v as a sample that was taken at t (see [shm.Publisher.WriteAt]).
func (p *Publisher[T]) WriteAt(v T, t shm.Time) error {
	p.value = v
	err := p.write(&p.value, t)
	var zero T
	p.value = zero // what v points to is the caller's
	return err
}

// WriteFromAt is WriteFrom with the time of WriteAt.
func (p *Publisher[T]) WriteFromAt(v *T, t shm.Time) error { return p.write(v, t) }

// Update calls f with the newest value and publishes what f made of it. If f panics
// nothing is published.
func (p *Publisher[T]) Update(f func(*T)) error {
	v, err := p.Read()
	if err != nil {
		return named("update", err)
	}
	f(&v)
	return p.WriteFrom(&v)
}

// Read returns the newest value.
func (p *Publisher[T]) Read() (v T, err error) {
	encoded, err := p.BytesPublisher.Read()
	if err != nil {
		return v, err
	}
	if err := p.m.decode(&v, encoded); err != nil {
		var zero T
		return zero, p.fail("read", err)
	}
	return v, nil
}

func (p *Publisher[T]) write(v *T, t shm.Time) error {
	switch {
	case v == nil:
		return p.fail("write", shm.ErrNil)
	case p.direct && p.m.size(v) <= p.Size(): // msgp asks for room for the worst case
		return named("write", p.encodeInPlace(v, t))
	}
	var err error
	if p.scratch, err = p.m.marshal(v, p.scratch[:0]); err != nil {
		return p.fail("write", encoding(err))
	}
	return p.BytesPublisher.WriteAt(p.scratch, t)
}

// encodeInPlace publishes a value that fits, unless T's Msgsize has promised too much.
func (p *Publisher[T]) encodeInPlace(v *T, t shm.Time) error {
	g, err := p.Loan()
	if err != nil {
		return err
	}
	unlocked := false
	defer func() {
		if !unlocked {
			_ = g.Discard()
		}
	}()
	b, err := p.m.marshal(v, g.Value())
	if err != nil {
		return p.fail("write", encoding(err))
	}
	if err := g.UnlockAt(b, t); err != nil {
		return err
	}
	unlocked = true
	return nil
}

func (p *Publisher[T]) fail(op string, err error) error {
	return &shm.OpError{Op: op, Topic: p.Name(), Err: err}
}

func encoding(err error) error { return fmt.Errorf("encoding: %w", err) }
