package shm

import (
	"context"
	"iter"
	"time"
)

// A Consumer reads the values of type T that a topic's publisher publishes: always
// the newest, how often ever it looks.
//
// It is for one goroutine at a time; [Consumer.Clone] makes another for another.
// Its methods return an [*OpError] that wraps [ErrHandle] after Close,
// [ErrReplaced] once the topic was replaced or removed, and [ErrCorrupt] when shared
// memory says what it cannot. A value can be read for as long as the handle is
// open, whatever became of its publisher.
type Consumer[T any] struct{ consumer }

// Open opens a topic that exists. It never blocks. The error wraps fs.ErrNotExist
// when there is none of that name, [ErrClosed] when its publisher has closed it
// (see [AllowClosed]), [ErrType] (and is a [*TypeError]) when it holds another type,
// [ErrNoSlots], [ErrNotTopic], [ErrVersion], [ErrName], [ErrBadType],
// [ErrMemoryLock] or fs.ErrPermission. If the publisher has died it succeeds: see
// [Consumer.State].
//
// With only read permission to the topic's file, the consumer has no slot: see
// [Mode] and [Consumer.CanWrite].
func Open[T any](name string, opts ...Option) (*Consumer[T], error) {
	return openTyped[T](name, opts, func(c config, want Type) (*segment, error) {
		return openNamed(name, c, want)
	})
}

// WaitOpen opens a topic, and sleeps until there is one of that name that is not
// closed. It returns the context's error, or those of [Open] that waiting does not
// mend; a directory that does not exist is one.
func WaitOpen[T any](ctx context.Context, name string, opts ...Option) (*Consumer[T], error) {
	return openTyped[T](name, opts, func(c config, want Type) (*segment, error) {
		return waitOpenNamed(ctx, name, c, want)
	})
}

func openTyped[T any](name string, opts []Option, open func(config, Type) (*segment, error)) (*Consumer[T], error) {
	want, err := TypeOf[T]()
	if err != nil {
		return nil, &OpError{Op: "open", Topic: name, Err: err}
	}
	c := new(Consumer[T])
	if err := openWith(&c.consumer, name, opts, want, open); err != nil {
		return nil, err
	}
	return c, nil
}

// openWith is what all ways to open have in common.
func openWith(c *consumer, name string, opts []Option, want Type, open func(config, Type) (*segment, error)) error {
	cfg, err := configure(opts)
	if err != nil {
		return &OpError{Op: "open", Topic: name, Err: err}
	}
	s, err := open(cfg, want)
	if err != nil {
		return &OpError{Op: "open", Topic: name, Err: err}
	}
	if err := c.init(s, cfg.timeout); err != nil {
		s.close()
		return &OpError{Op: "open", Topic: name, Err: err}
	}
	return nil
}

// Clone opens the topic again, for use by another goroutine, with a slot of its
// own. Errors are those of [Open].
func (c *Consumer[T]) Clone() (*Consumer[T], error) {
	to := new(Consumer[T])
	if err := c.clone(&to.consumer); err != nil {
		return nil, c.fail("clone", err)
	}
	return to, nil
}

// Read returns a copy of the newest value; [Consumer.Info] describes it. It takes
// no lock and makes no system call, unless the publisher overwrites the value again
// and again while it is copied. With one buffer it may have to wait for the
// publisher's lock then, for the handle's [Timeout], and returns [ErrTorn] if the
// publisher died inside. A handle without a slot returns [ErrOverrun] if it
// cannot get a whole copy. A byte topic's value of another size is [ErrSize].
func (c *Consumer[T]) Read() (v T, err error) {
	err = c.ReadInto(&v)
	return v, err
}

// ReadInto copies the newest value to *v, which a large T makes cheaper than
// [Consumer.Read]. If it returns an error *v is zero.
func (c *Consumer[T]) ReadInto(v *T) error {
	// This is tryCopy, written out for a type whose size the compiler knows, so that a
	// small value is moved in registers and without a further call. The index is checked
	// by bufs, which is nil where there is no buffer. c.size is the size of T already.
	l := c.words.latest.Load()
	b := c.bufs[l&15]
	if b == nil || v == nil || c.words.retired.Load() != 0 {
		return c.readIntoSlow(v)
	}
	seq := b.sequence.Load()
	if seq != sequenceOf(l) || int(b.length) != sizeOf[T]() {
		return c.readIntoSlow(v)
	}
	stamp := b.stamp
	if sizeOf[T]() <= smallSize {
		*v = *as[T](b.payload())
	} else {
		copyBytes(valueBytes(v), b.bytes(sizeOf[T]()))
	}
	c.fence.loads()
	if b.sequence.Load() != seq {
		return c.readIntoSlow(v)
	}
	c.note(stamp)
	return nil
}

func (c *Consumer[T]) readIntoSlow(v *T) error {
	if v == nil {
		return c.fail("read", ErrNil)
	}
	dst := valueBytes(v)
	if _, err := c.readSlow(dst, len(dst)); err != nil {
		clear(dst)
		return c.fail("read", err)
	}
	return nil
}

// ReadChange returns a copy of the newest value if this handle has not read it yet,
// and false if it has.
func (c *Consumer[T]) ReadChange() (v T, changed bool, err error) {
	if !c.HasChanged() {
		return v, false, c.fail("read", c.usable())
	}
	err = c.ReadInto(&v)
	return v, err == nil, err
}

// An Update is a value as [Consumer.Next] returns it.
type Update[T any] struct {
	Value T
	Info
}

// Next sleeps until there is a value newer than the last one that this handle read,
// and reads it. What was published in between is counted as missed. A publisher that
// died is waited for, since a successor may take over. Next returns [ErrClosed] when
// the publisher has closed the topic and every value of it is read (see
// [Consumer.WaitPublisher] for what to do then), the context's error when that is
// done, and the errors of [Consumer.Read].
func (c *Consumer[T]) Next(ctx context.Context) (u Update[T], err error) {
	u.Info, err = c.NextInto(ctx, &u.Value)
	return u, err
}

// NextInto is Next that copies the value to *v.
func (c *Consumer[T]) NextInto(ctx context.Context, v *T) (Info, error) {
	return c.next(ctx, -1, v)
}

// NextTimeout is Next that waits for at most d and returns [ErrTimeout] then.
func (c *Consumer[T]) NextTimeout(d time.Duration) (u Update[T], err error) {
	u.Info, err = c.next(context.Background(), max(d, 0), &u.Value)
	return u, err
}

func (c *Consumer[T]) next(ctx context.Context, d time.Duration, v *T) (Info, error) {
	if err := c.await(ctx, d); err != nil {
		return Info{}, c.fail("wait for", err)
	}
	if err := c.ReadInto(v); err != nil {
		return Info{}, err
	}
	return c.Info(), nil
}

// Updates returns an iterator that calls [Consumer.Next] again and again. It ends
// after the first error, which it yields with a zero Update.
//
//	for u, err := range imu.Updates(ctx) {
func (c *Consumer[T]) Updates(ctx context.Context) iter.Seq2[Update[T], error] {
	return updates(ctx, c.Next)
}

// RLock returns a guard on the newest value, in place. With several buffers it never
// waits; with one it waits for the publisher for the handle's [Timeout] and returns
// [ErrTorn] if the publisher died inside the lock. It returns [ErrReadOnly] on a
// handle without a slot, and [ErrLocked] while its guard is held. A guard held by
// a process that dies is released by the kernel's word.
func (c *Consumer[T]) RLock() (ReadGuard[T], error) {
	g, err := c.guard(sizeOf[T]())
	return ReadGuard[T]{g}, err
}

// RLockContext is RLock that waits for as long as ctx allows.
func (c *Consumer[T]) RLockContext(ctx context.Context) (ReadGuard[T], error) {
	g, err := c.guardSlow(ctx, -1, sizeOf[T]())
	return ReadGuard[T]{g}, err
}

// View calls f with the newest value in place, under a guard. f must not change it
// (the page is read-only: that would be a fault) nor keep the pointer.
func (c *Consumer[T]) View(f func(*T)) error {
	g, err := c.RLock()
	if err != nil {
		return err
	}
	unlocked := false
	defer func() {
		if !unlocked { // f panicked
			_ = g.Unlock()
		}
	}()
	f(g.Value())
	unlocked = true
	return g.Unlock()
}

// A ReadGuard keeps a value of a [Consumer] in place. It belongs to the goroutine of
// its consumer. Value must not be used after Unlock.
type ReadGuard[T any] struct{ readGuard }

// Value returns the value, which must not be written to.
func (g ReadGuard[T]) Value() *T { return as[T](g.value) }
