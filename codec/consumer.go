package codec

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/tism-go/tism/shm"
)

// A Consumer reads the values of type T that a MessagePack topic's publisher publishes.
// In all else it is as a [shm.Consumer], and for one goroutine at a time as that is.
// A value that does not decode is a [*DecodeError], and counts as read: [Consumer.Next]
// goes on with the one after.
//
// RLock, RLockContext and View of the embedded consumer, which it does not redefine,
// give the encoded bytes in place, to pass on without decoding.
type Consumer[T any] struct {
	*shm.BytesConsumer
	m       *methods[T]
	value   T      // of Read: it would escape if it were decoded on the stack
	copies  bool   // values are decoded from a copy: small ones, for which that costs less than holding them
	scratch []byte // for the copies

	agreement agreement // where T has names
}

// Open opens a topic: see [shm.Open]. A topic that does not hold MessagePack is
// [shm.ErrType]; T's name and the capacity are not compared. See [FieldsError] for
// what else is.
func Open[T any, P Value[T]](name string, opts ...shm.Option) (*Consumer[T], error) {
	return open[T, P](shm.OpenBytes(name, opts...))
}

// WaitOpen is Open that waits as [shm.WaitOpen] does.
func WaitOpen[T any, P Value[T]](ctx context.Context, name string, opts ...shm.Option) (*Consumer[T], error) {
	return open[T, P](shm.WaitOpenBytes(ctx, name, opts...))
}

// OpenFile opens the topic behind a descriptor: see [shm.OpenFile].
func OpenFile[T any, P Value[T]](f *os.File, opts ...shm.Option) (*Consumer[T], error) {
	return open[T, P](shm.OpenFileBytes(f, opts...))
}

func open[T any, P Value[T]](c *shm.BytesConsumer, err error) (*Consumer[T], error) {
	if err != nil {
		return nil, err
	}
	m, err := methodsOf[T, P]()
	if err == nil {
		err = holdsMessagePack(c.Type(), typeOf[T]())
	}
	if err != nil {
		err = &shm.OpError{Op: "open", Topic: c.Name(), Err: err}
		_ = c.Close()
		return nil, err
	}
	return newConsumer(c, m), nil
}

func newConsumer[T any](c *shm.BytesConsumer, m *methods[T]) *Consumer[T] {
	to := &Consumer[T]{BytesConsumer: c, m: m, copies: c.Size() <= smallValue || !c.CanWrite()}
	if to.copies {
		to.scratch = make([]byte, c.Size())
	}
	return to
}

func holdsMessagePack(have, want shm.Type) error {
	if have.Kind == shm.MessagePack {
		return nil
	}
	want.Size = have.Size
	return &shm.TypeError{Topic: have, Want: want, Hint: "open it with shm.Open or shm.OpenBytes\n"}
}

// Clone opens the topic again, for use by another goroutine: see [shm.Consumer.Clone].
func (c *Consumer[T]) Clone() (*Consumer[T], error) {
	b, err := c.BytesConsumer.Clone()
	if err != nil {
		return nil, err
	}
	to := newConsumer(b, c.m)
	to.agreement = c.agreement // whose paths are never changed, only replaced
	return to, nil
}

// Read returns the newest value: see [shm.Consumer.Read].
func (c *Consumer[T]) Read() (v T, err error) {
	err = c.ReadInto(&c.value)
	v = c.value
	var zero T
	c.value = zero // what v points to is the caller's
	return v, err
}

// ReadInto decodes the newest value into *v, whose memory it uses again as far as T
// allows (see [Resetter]). If it returns an error *v is zero.
func (c *Consumer[T]) ReadInto(v *T) error {
	if v == nil {
		return c.fail("read", shm.ErrNil)
	}
	if !c.copies {
		return c.settle(v, c.readInPlace(v))
	}
	n, err := c.BytesConsumer.ReadInto(c.scratch)
	if err != nil {
		return c.settle(v, err)
	}
	// This is decode, written out for a small value that is not walked.
	b := c.scratch[:n]
	if !c.m.plain {
		return c.settle(v, c.decode(v, b))
	}
	var zero T
	*v = zero
	rest, err := c.m.unmarshal(v, b)
	if err == nil && len(rest) == 0 && c.agreed(n) {
		return nil
	}
	return c.settle(v, c.judge(b, c.m.explain(b, rest, err)))
}

// settle ends a read into *v.
func (c *Consumer[T]) settle(v *T, err error) error {
	if err != nil {
		var zero T
		*v = zero
		return named("read", err)
	}
	return nil
}

// ReadChange returns the newest value if this handle has not read it yet, and false if
// it has.
func (c *Consumer[T]) ReadChange() (v T, changed bool, err error) {
	if c.HasChanged() {
		v, err = c.Read()
		return v, err == nil, err
	}
	encoded, changed, err := c.BytesConsumer.ReadChange() // why there is none, or one by now
	if changed {
		if err = c.decode(&v, encoded); err != nil {
			var zero T
			return zero, false, err
		}
	}
	return v, changed, err
}

// Next sleeps until there is a new value and reads it: see [shm.Consumer.Next].
func (c *Consumer[T]) Next(ctx context.Context) (u shm.Update[T], err error) {
	if err := c.Wait(ctx); err != nil {
		return u, err
	}
	if u.Value, err = c.Read(); err != nil {
		return u, err
	}
	u.Info = c.Info()
	return u, nil
}

// NextInto is Next that decodes as [Consumer.ReadInto] does.
func (c *Consumer[T]) NextInto(ctx context.Context, v *T) (shm.Info, error) {
	if err := c.Wait(ctx); err != nil {
		return shm.Info{}, err
	}
	if err := c.ReadInto(v); err != nil {
		return shm.Info{}, err
	}
	return c.Info(), nil
}

// NextTimeout is Next that waits for at most d and returns [shm.ErrTimeout] then.
func (c *Consumer[T]) NextTimeout(d time.Duration) (shm.Update[T], error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	u, err := c.Next(ctx)
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, shm.ErrTimeout) {
		err = c.fail("wait for", fmt.Errorf("%w after %v: %w", shm.ErrTimeout, d, errors.Unwrap(err)))
	}
	return u, err
}

// Updates returns an iterator that calls [Consumer.Next] again and again. It ends after
// the first error, which it yields with a zero Update.
func (c *Consumer[T]) Updates(ctx context.Context) iter.Seq2[shm.Update[T], error] {
	return func(yield func(shm.Update[T], error) bool) {
		for {
			u, err := c.Next(ctx)
			if !yield(u, err) || err != nil {
				return
			}
		}
	}
}

// readInPlace decodes the newest value where it lies.
func (c *Consumer[T]) readInPlace(v *T) error {
	g, err := c.RLock()
	if errors.Is(err, shm.ErrLocked) { // by the caller, who may still read
		var b []byte
		if b, err = c.BytesConsumer.Read(); err == nil {
			err = c.decode(v, b)
		}
		return err
	}
	if err != nil {
		return err
	}
	unlocked := false
	defer func() {
		if !unlocked { // T's UnmarshalMsg panicked
			_ = g.Unlock()
		}
	}()
	decodeErr := c.decode(v, g.Value())
	unlocked = true
	if err := g.Unlock(); err != nil {
		return err // a lost lease: no wonder if it did not decode
	}
	return decodeErr
}

// decode decodes the value that the handle has just noted as read.
func (c *Consumer[T]) decode(v *T, b []byte) error {
	err := c.m.decode(v, b)
	if err == nil && c.agreed(len(b)) {
		return nil
	}
	return c.judge(b, err)
}

// judge ends a decoding that has failed, or is of a value whose names are to be compared.
func (c *Consumer[T]) judge(b []byte, err error) error {
	if err == nil {
		err = c.agree(b)
	}
	if e, ok := err.(*DecodeError); ok {
		e.Number = c.Info().Number
	}
	if err != nil {
		err = c.fail("read", err)
	}
	return err
}

func (c *Consumer[T]) fail(op string, err error) error {
	return &shm.OpError{Op: op, Topic: c.Name(), Err: err}
}
