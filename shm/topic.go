package shm

import (
	"context"
	"fmt"
	"time"
)

// A Publisher publishes values of type T on a topic: the only one that does, for
// as long as it is open and its process lives.
//
// It is for one goroutine at a time. Its methods return an [*OpError] that wraps
// [ErrHandle] after Close; [ErrReplaced] when somebody took the topic's name by
// force or removed it; [ErrLocked] while its own guard is held; and a [*HeldError]
// when consumers hold every buffer (with one buffer: the lock) for longer than the
// handle's [Timeout]. After an error the topic is as it was before.
type Publisher[T any] struct{ publisher }

// Create makes a topic and publishes initial on it as its first value. On a topic
// whose publisher has closed or died it goes on with the same segment, and the
// consumers carry on, provided that type, number of buffers and slots agree;
// otherwise the old one is retired and its consumers get [ErrReplaced].
//
// It may block for the [Timeout] where a consumer holds the lock of a topic with
// one buffer. The error wraps [ErrLive] (and is a [*LiveError]) when the topic has
// a live publisher, [ErrBadType] when T cannot be shared, [ErrName], [ErrOption],
// [ErrNotTopic] when something else has the name, [ErrVersion], [ErrMemoryLock],
// fs.ErrPermission, or the kernel's reason, ENOSPC among them: all memory is
// reserved here.
func Create[T any](name string, initial T, opts ...Option) (*Publisher[T], error) {
	return createTyped(name, &initial, opts, create)
}

// CreateMem makes a topic without a name, in a memfd that can neither shrink nor
// grow. Others open it with [OpenFile] through a descriptor that they inherit
// ([Publisher.File] and [os/exec.Cmd.ExtraFiles]) or receive ([SendFile]). The
// name is for messages. Errors are those of [Create].
//
// Such a topic has no successor: when its publisher dies its consumers keep the last value,
// whoever waits for another gets [ErrReplaced], and a new publisher makes a new topic and hands
// that out. Without a name nobody could tell which of those that hold the descriptor may go on
// with it. Where a restart has to be hot, use [Create].
func CreateMem[T any](name string, initial T, opts ...Option) (*Publisher[T], error) {
	return createTyped(name, &initial, opts, createMem)
}

// A creator is create or createMem.
type creator func(string, config, geometry, []byte) (*publisher, error)

func createTyped[T any](name string, initial *T, opts []Option, make creator) (*Publisher[T], error) {
	p, err := createWith(name, opts, make, func(config) (Type, []byte, error) {
		t, err := TypeOf[T]()
		return t, valueBytes(initial), err
	})
	if err != nil {
		return nil, err
	}
	return &Publisher[T]{*p}, nil
}

// createWith is what all ways to create have in common; first tells the type and
// the first value.
func createWith(name string, opts []Option, make creator, first func(config) (Type, []byte, error)) (*publisher, error) {
	fail := func(err error) (*publisher, error) { return nil, &OpError{Op: "create", Topic: name, Err: err} }
	c, err := configure(opts)
	if err != nil {
		return fail(err)
	}
	t, initial, err := first(c)
	if err != nil {
		return fail(err)
	}
	p, err := make(name, c, geometry{buffers: c.buffers, slots: c.slots, capacity: t.Size, typ: t}, initial)
	if err != nil {
		return fail(err)
	}
	return p, nil
}

// Write publishes a copy of v.
func (p *Publisher[T]) Write(v T) error { return p.write(&v, 0) }

// WriteFrom publishes a copy of *v, which a large T makes cheaper than Write.
func (p *Publisher[T]) WriteFrom(v *T) error { return p.write(v, 0) }

// WriteAt publishes a copy of v as a sample that was taken at t, which consumers
// reckon its staleness from. The time of publication is kept beside it.
func (p *Publisher[T]) WriteAt(v T, t Time) error { return p.write(&v, t) }

// WriteFromAt is WriteFrom with the time of WriteAt.
func (p *Publisher[T]) WriteFromAt(v *T, t Time) error { return p.write(v, t) }

func (p *Publisher[T]) write(v *T, t Time) error {
	b := p.tryBegin()
	if b == nil || v == nil {
		return p.writeSlow(v, t, b)
	}
	if sizeOf[T]() <= smallSize {
		*as[T](b.payload()) = *v
	} else {
		store(b, v)
	}
	p.commit(sizeOf[T](), t)
	return nil
}

// writeSlow is write where no buffer is free right now, or v is nil.
func (p *Publisher[T]) writeSlow(v *T, t Time, b *buffer) error {
	if v == nil {
		if b != nil {
			p.abandon()
		}
		return p.fail("write", ErrNil)
	}
	b, err := p.beginSlow(context.Background(), p.timeout)
	if err != nil {
		return p.fail("write", err)
	}
	store(b, v)
	p.commit(sizeOf[T](), t)
	return nil
}

// Lock returns a guard on a copy of the newest value (with one buffer: on the
// value itself), to change parts of it in place. Unlock publishes it.
func (p *Publisher[T]) Lock() (WriteGuard[T], error) {
	return p.lock(context.Background(), p.timeout, true)
}

// LockContext is Lock that waits for as long as ctx allows.
func (p *Publisher[T]) LockContext(ctx context.Context) (WriteGuard[T], error) {
	return p.lock(ctx, -1, true)
}

// Loan returns a guard on memory for the next value whose contents are left over
// from some earlier one: the caller writes all of it. It spares the copy that Lock
// makes.
func (p *Publisher[T]) Loan() (WriteGuard[T], error) {
	return p.lock(context.Background(), p.timeout, false)
}

// LoanContext is Loan that waits for as long as ctx allows.
func (p *Publisher[T]) LoanContext(ctx context.Context) (WriteGuard[T], error) {
	return p.lock(ctx, -1, false)
}

func (p *Publisher[T]) lock(ctx context.Context, d time.Duration, keep bool) (WriteGuard[T], error) {
	b, err := p.begin(ctx, d)
	if err == nil && keep {
		_, err = p.preset(b)
	}
	if err != nil {
		return WriteGuard[T]{}, p.fail("lock", err)
	}
	return WriteGuard[T]{p, as[T](b.payload()), p.lease}, nil
}

// Update calls f with a copy of the newest value (with one buffer: the value
// itself) and publishes what f made of it. If f panics nothing is published; with
// one buffer the value is torn then.
func (p *Publisher[T]) Update(f func(*T)) error {
	g, err := p.Lock()
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			p.abandon()
		}
	}()
	f(g.value)
	done = true
	return g.Unlock()
}

// Read returns a copy of the newest value.
func (p *Publisher[T]) Read() (v T, err error) {
	b, err := p.newestBuffer()
	if err != nil {
		return v, p.fail("read", err)
	}
	copyBytes(valueBytes(&v), b.bytes(sizeOf[T]()))
	return v, nil
}

// View calls f with the newest value in place, which f must not change.
func (p *Publisher[T]) View(f func(*T)) error {
	b, err := p.newestBuffer()
	if err != nil {
		return p.fail("read", err)
	}
	f(as[T](b.payload()))
	return nil
}

// A WriteGuard holds the memory of the next value of a [Publisher]. It belongs to
// the goroutine of its publisher. Value must not be used after Unlock or Discard.
type WriteGuard[T any] struct {
	p     *Publisher[T]
	value *T
	lease uint32
}

// Value returns the memory to write to.
func (g WriteGuard[T]) Value() *T { return g.value }

// Unlock publishes the value. The second time it returns [ErrNotLocked].
func (g WriteGuard[T]) Unlock() error { return g.UnlockAt(0) }

// UnlockAt publishes the value as a sample that was taken at t (see
// [Publisher.WriteAt]).
func (g WriteGuard[T]) UnlockAt(t Time) error {
	if err := g.check("unlock"); err != nil {
		return err
	}
	g.p.commit(g.p.seg.geo.capacity, t)
	return nil
}

// Discard gives the memory back and publishes nothing. With one buffer it returns
// [ErrDiscard], since the value was changed in place, and the guard stays held.
func (g WriteGuard[T]) Discard() error {
	if err := g.check("discard"); err != nil {
		return err
	}
	return g.p.fail("discard", g.p.discard())
}

func (g WriteGuard[T]) check(op string) error {
	if g.p == nil {
		return &OpError{Op: op, Topic: "?", Err: ErrNotLocked}
	}
	if g.p.next < 0 || g.p.lease != g.lease {
		return g.p.fail(op, ErrNotLocked)
	}
	return nil
}

// checkSize refuses a type that is not what the segment holds, in a program that
// got past the descriptor: a byte topic's value of another length.
func checkSize(have uint32, want int) error {
	if int(have) != want {
		return fmt.Errorf("%w: the newest value has %d bytes, the type %d", ErrSize, have, want)
	}
	return nil
}
