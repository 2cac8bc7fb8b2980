package shm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// A BytesPublisher publishes values of varying length, up to the topic's capacity.
// In all else it is as a [Publisher].
type BytesPublisher struct{ publisher }

// CreateBytes makes a byte topic whose values have up to capacity bytes, and
// publishes initial as the first one. With a nil initial nothing is published:
// consumers get [ErrEmpty], or the value that a topic which is taken over has. In
// all else it is as [Create].
func CreateBytes(name string, capacity int, initial []byte, opts ...Option) (*BytesPublisher, error) {
	return createBytes(name, capacity, initial, opts, create)
}

// CreateMemBytes is CreateBytes in a memfd: see [CreateMem].
func CreateMemBytes(name string, capacity int, initial []byte, opts ...Option) (*BytesPublisher, error) {
	return createBytes(name, capacity, initial, opts, createMem)
}

func createBytes(name string, capacity int, initial []byte, opts []Option, make creator) (*BytesPublisher, error) {
	p, err := createWith(name, opts, make, func(c config) (Type, []byte, error) {
		t, err := bytesType(c, capacity)
		if err == nil && len(initial) > capacity {
			err = tooLarge(len(initial), capacity)
		}
		return t, initial, err
	})
	if err != nil {
		return nil, err
	}
	return &BytesPublisher{*p}, nil
}

func bytesType(c config, capacity int) (Type, error) {
	if capacity < 1 || capacity > maxSize {
		return Type{}, fmt.Errorf("%w: a capacity of %d bytes: 1 to %d", ErrOption, capacity, maxSize)
	}
	t := Type{Kind: Bytes, Size: capacity}
	if c.typ != nil {
		t.Kind, t.Name = c.typ.Kind, c.typ.Name
		if t.Kind == Struct {
			return Type{}, fmt.Errorf("%w: WithType: a byte topic cannot hold a struct", ErrOption)
		}
		if _, err := ParseType(t.String()); err != nil {
			return Type{}, fmt.Errorf("%w: WithType: %w", ErrOption, err)
		}
	}
	return t, nil
}

func tooLarge(n, capacity int) error {
	return fmt.Errorf("%w: %d bytes, the capacity is %d", ErrTooLarge, n, capacity)
}

// Write publishes a copy of v. It returns [ErrTooLarge] if v does not fit.
func (p *BytesPublisher) Write(v []byte) error { return p.WriteAt(v, 0) }

// WriteAt is Write with the time at which the sample was taken (see
// [Publisher.WriteAt]).
func (p *BytesPublisher) WriteAt(v []byte, t Time) error {
	if n := p.seg.geo.capacity; len(v) > n {
		return p.fail("write", tooLarge(len(v), n))
	}
	b, err := p.begin(context.Background(), p.timeout)
	if err != nil {
		return p.fail("write", err)
	}
	copyBytes(b.bytes(len(v)), v)
	p.commit(len(v), t)
	return nil
}

// Lock returns a guard on a copy of the newest value (with one buffer: on the value
// itself), to change it in place. Unlock publishes it.
func (p *BytesPublisher) Lock() (BytesWriteGuard, error) {
	return p.lock(context.Background(), p.timeout, true)
}

// LockContext is Lock that waits for as long as ctx allows.
func (p *BytesPublisher) LockContext(ctx context.Context) (BytesWriteGuard, error) {
	return p.lock(ctx, -1, true)
}

// Loan returns a guard on memory for the next value, of length 0, whose contents are
// left over from some earlier one.
func (p *BytesPublisher) Loan() (BytesWriteGuard, error) {
	return p.lock(context.Background(), p.timeout, false)
}

// LoanContext is Loan that waits for as long as ctx allows.
func (p *BytesPublisher) LoanContext(ctx context.Context) (BytesWriteGuard, error) {
	return p.lock(ctx, -1, false)
}

func (p *BytesPublisher) lock(ctx context.Context, d time.Duration, keep bool) (BytesWriteGuard, error) {
	b, err := p.begin(ctx, d)
	n := 0
	if err == nil && keep {
		n, err = p.preset(b)
	}
	if err != nil {
		return BytesWriteGuard{}, p.fail("lock", err)
	}
	return BytesWriteGuard{p, b.bytes(p.seg.geo.capacity)[:n], p.lease}, nil
}

// Update calls f with a copy of the newest value (with one buffer: the value itself),
// which has the capacity of the topic, and publishes the slice that f returns: the
// same memory, longer or shorter, or other bytes. If f panics nothing is published;
// with one buffer the value is torn then.
func (p *BytesPublisher) Update(f func(v []byte) []byte) error {
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
	v := f(g.value)
	if len(v) > cap(g.value) {
		return p.fail("update", tooLarge(len(v), cap(g.value))) // and abandon
	}
	done = true
	return g.UnlockWith(v)
}

// Read returns a copy of the newest value.
func (p *BytesPublisher) Read() ([]byte, error) {
	b, err := p.newestBuffer()
	if err != nil {
		return nil, p.fail("read", err)
	}
	return append([]byte{}, b.bytes(min(int(b.length), p.seg.geo.capacity))...), nil
}

// A BytesWriteGuard holds the memory of the next value of a [BytesPublisher]. It
// belongs to the goroutine of its publisher. The memory must not be used after
// Unlock or Discard.
type BytesWriteGuard struct {
	p     *BytesPublisher
	value []byte
	lease uint32
}

// Value returns the memory to write to: as long as the value is to begin with, with
// the topic's capacity.
func (g BytesWriteGuard) Value() []byte { return g.value }

// Unlock publishes the value, as long as it was at Lock. The second time it returns
// [ErrNotLocked].
func (g BytesWriteGuard) Unlock() error { return g.UnlockWith(g.value) }

// UnlockWith publishes v, which is usually Value made longer or shorter; other bytes
// are copied. It returns [ErrTooLarge] if v does not fit; the guard stays held then.
func (g BytesWriteGuard) UnlockWith(v []byte) error { return g.UnlockAt(v, 0) }

// UnlockAt is UnlockWith with the time at which the sample was taken (see
// [Publisher.WriteAt]).
func (g BytesWriteGuard) UnlockAt(v []byte, t Time) error {
	if err := g.check("unlock"); err != nil {
		return err
	}
	if len(v) > cap(g.value) {
		return g.p.fail("unlock", tooLarge(len(v), cap(g.value)))
	}
	copy(g.value[:len(v)], v) // onto itself in the usual case, which costs nothing
	g.p.commit(len(v), t)
	return nil
}

// Discard gives the memory back and publishes nothing. With one buffer it returns
// [ErrDiscard], since the value was changed in place, and the guard stays held.
func (g BytesWriteGuard) Discard() error {
	if err := g.check("discard"); err != nil {
		return err
	}
	return g.p.fail("discard", g.p.discard())
}

func (g BytesWriteGuard) check(op string) error {
	if g.p == nil {
		return &OpError{Op: op, Topic: "?", Err: ErrNotLocked}
	}
	if g.p.next < 0 || g.p.lease != g.lease {
		return g.p.fail(op, ErrNotLocked)
	}
	return nil
}

// A BytesConsumer reads any topic as bytes: a byte topic's values, or the encoded or
// in-memory form of others. In all else it is as a [Consumer].
type BytesConsumer struct{ consumer }

// OpenBytes opens any topic, whatever its type. In all else it is as [Open].
func OpenBytes(name string, opts ...Option) (*BytesConsumer, error) {
	return openBytes(name, opts, func(c config, want Type) (*segment, error) {
		return openNamed(name, c, want)
	})
}

// WaitOpenBytes is OpenBytes that waits as [WaitOpen] does.
func WaitOpenBytes(ctx context.Context, name string, opts ...Option) (*BytesConsumer, error) {
	return openBytes(name, opts, func(c config, want Type) (*segment, error) {
		return waitOpenNamed(ctx, name, c, want)
	})
}

func openBytes(name string, opts []Option, open func(config, Type) (*segment, error)) (*BytesConsumer, error) {
	c := new(BytesConsumer)
	if err := openWith(&c.consumer, name, opts, Type{Kind: Bytes}, open); err != nil {
		return nil, err
	}
	return c, nil
}

// Clone opens the topic again, for use by another goroutine.
func (c *BytesConsumer) Clone() (*BytesConsumer, error) {
	to := new(BytesConsumer)
	if err := c.clone(&to.consumer); err != nil {
		return nil, c.fail("clone", err)
	}
	return to, nil
}

// Read returns a copy of the newest value.
func (c *BytesConsumer) Read() ([]byte, error) {
	room := c.newestLength()
	for {
		buf := make([]byte, room)
		n, err := c.readSlow(buf, -1)
		if errors.Is(err, ErrSize) && room < c.Size() {
			room = c.Size() // it grew meanwhile
			continue
		}
		return buf[:n], c.fail("read", err)
	}
}

// ReadInto copies the newest value to dst and returns its length. It returns [ErrSize]
// if the value is longer than dst. If it returns an error dst holds no usable value.
func (c *BytesConsumer) ReadInto(dst []byte) (int, error) {
	// This is tryCopy, written out as in [Consumer.ReadInto].
	l := c.words.latest.Load()
	b := c.bufs[l&15]
	if b == nil || c.words.retired.Load() != 0 {
		return c.readIntoSlow(dst)
	}
	seq, length := b.sequence.Load(), b.length
	if seq != sequenceOf(l) || uint64(length) > uint64(len(c.within(dst))) {
		return c.readIntoSlow(dst)
	}
	stamp := b.stamp
	copyBytes(dst, b.bytes(int(length)))
	c.fence.loads()
	if b.sequence.Load() != seq {
		return c.readIntoSlow(dst)
	}
	c.note(stamp)
	c.size = length
	return int(length), nil
}

func (c *BytesConsumer) readIntoSlow(dst []byte) (int, error) {
	n, err := c.readSlow(dst, -1)
	return n, c.fail("read", err)
}

// ReadChange returns a copy of the newest value if this handle has not read it yet,
// and false if it has.
func (c *BytesConsumer) ReadChange() ([]byte, bool, error) {
	if !c.HasChanged() {
		return nil, false, c.fail("read", c.usable())
	}
	v, err := c.Read()
	return v, err == nil, err
}

// Next sleeps until there is a new value and reads it: see [Consumer.Next].
func (c *BytesConsumer) Next(ctx context.Context) (u Update[[]byte], err error) {
	if err := c.Wait(ctx); err != nil {
		return u, err
	}
	if u.Value, err = c.Read(); err != nil {
		return u, err
	}
	u.Info = c.Info()
	return u, nil
}

// NextInto is Next that copies the value to dst; its length is the Info's Size.
func (c *BytesConsumer) NextInto(ctx context.Context, dst []byte) (Info, error) {
	if err := c.Wait(ctx); err != nil {
		return Info{}, err
	}
	if _, err := c.ReadInto(dst); err != nil {
		return Info{}, err
	}
	return c.Info(), nil
}

// Updates returns an iterator over new values: see [Consumer.Updates].
func (c *BytesConsumer) Updates(ctx context.Context) iter.Seq2[Update[[]byte], error] {
	return updates(ctx, c.Next)
}

// RLock returns a guard on the newest value, in place: see [Consumer.RLock].
func (c *BytesConsumer) RLock() (BytesReadGuard, error) {
	g, err := c.guardSlow(context.Background(), c.timeout, -1)
	return BytesReadGuard{g, int(c.size)}, err
}

// RLockContext is RLock that waits for as long as ctx allows.
func (c *BytesConsumer) RLockContext(ctx context.Context) (BytesReadGuard, error) {
	g, err := c.guardSlow(ctx, -1, -1)
	return BytesReadGuard{g, int(c.size)}, err
}

// View calls f with the newest value in place, under a guard. f must neither change
// nor keep it.
func (c *BytesConsumer) View(f func([]byte)) error {
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

// A BytesReadGuard keeps a value of a [BytesConsumer] in place.
type BytesReadGuard struct {
	readGuard
	size int
}

// Value returns the value, which must not be written to, nor be used after Unlock.
func (g BytesReadGuard) Value() []byte {
	if g.value == nil {
		return nil
	}
	return g.value.bytes(g.size)
}
