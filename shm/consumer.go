package shm

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/futex"
)

// Info describes a value that was read.
type Info struct {
	Number    uint64 // of the publication, over the topic's whole life, from 1
	Missed    uint64 // publications between the value read before and this one
	Published Time   // when it was published; 0 if the publisher keeps no time
	Sampled   Time   // when the sample was taken, by default when it was published
	Size      int    // bytes of the payload
}

// A State is what became of a topic's publisher.
type State int

// The states of a publisher.
const (
	Alive    State = iota // it lives and may publish any time
	Died                  // its process ended without closing the topic; a successor may come
	Closed                // it closed the topic; a successor may come
	Replaced              // the topic was replaced or removed; nothing will come
)

func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Died:
		return "died"
	case Closed:
		return "closed"
	case Replaced:
		return "replaced"
	}
	return fmt.Sprintf("State(%d)", int(s))
}

// A consumer is what all kinds of consumers have in common.
type consumer struct {
	words *publisherWords
	bufs  [16]*buffer
	fence copyFence

	stamp        // of the value read last; number 0 for none
	prev  uint64 // number of the one before
	size  uint32
	lease lease // of the guard, or of the last one

	seg     *segment
	slot    *futex.Slot    // nil without write permission
	index   int            // of the slot
	pins    *atomic.Uint32 // of the slot; nil with one buffer
	reader  *futex.Reader  // of the lock; nil with several buffers
	timeout time.Duration
}

// A lease is the number of a guard, which tells it from earlier ones, and what it holds:
//
//	number<<5 | held<<4 | index of the buffer
type lease uint64

const (
	leaseHeld = 1 << 4
	leaseNext = 1 << 5
)

func (l lease) held() bool { return l&leaseHeld != 0 }

// pins is what the handle's slot has pinned for its guard.
func (l lease) pins() uint32 { return uint32(l>>4&1) << (l & 15) }

// next is the lease after l, on the buffer that latest names.
func (l lease) next(latest uint32) lease {
	return l&^(leaseNext-1) + leaseNext + leaseHeld + lease(latest&15)
}

// init makes a consumer of a segment that it then owns.
func (c *consumer) init(s *segment, timeout time.Duration) error {
	*c = consumer{seg: s, words: s.pub, bufs: s.bufs, size: uint32(s.geo.capacity), timeout: timeout}
	if s.access == readAccess {
		return nil
	}
	i, err := s.attach()
	if err != nil {
		return err
	}
	c.index, c.slot = i, &s.slots[i]
	if s.geo.buffers > 1 {
		c.pins = &c.slot.User[userPins]
	} else {
		c.reader = (&futex.RWLock{Word: &s.pub.lock, Slots: s.slots, Peers: s}).Reader(i)
	}
	return nil
}

func (c *consumer) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{Op: op, Topic: c.seg.name, Err: err}
}

// note remembers what was read, of which the caller has made sure that it is whole.
func (c *consumer) note(s stamp) { c.prev, c.stamp = c.number, s }

// Info returns what is known of the value that was read last; the zero Info before
// the first.
func (c *consumer) Info() Info {
	if c.number == 0 {
		return Info{}
	}
	i := Info{Number: c.number, Published: c.published, Sampled: c.sampled, Size: int(c.size)}
	if c.prev != 0 && c.number > c.prev {
		i.Missed = c.number - c.prev - 1
	}
	return i
}

// HasChanged reports whether there is a value that this handle has not read. It
// costs one load and never blocks; false after Close.
func (c *consumer) HasChanged() bool {
	l := c.words.latest.Load()
	return l != latestNone && (l>>4 != uint32(c.number)&versionMask || c.number == 0)
}

// Staleness returns how old the value read last is, by the time that its sample was
// taken (see [Publisher.WriteAt]). ok is false if nothing was read yet, or the
// publisher keeps no time.
func (c *consumer) Staleness() (age time.Duration, ok bool) {
	if c.number == 0 || c.sampled == 0 {
		return 0, false
	}
	return c.sampled.Age(), true
}

// TotalWrites returns how many values the publisher has published since its
// Create, the initial one included, whether this handle read them or not.
func (c *consumer) TotalWrites() (uint64, error) {
	if err := c.usable(); err != nil {
		return 0, c.fail("read", err)
	}
	for range maxCopies {
		b, l := c.seg.newest()
		if l == latestNone {
			return 0, nil
		}
		if b == nil {
			return 0, c.fail("read", c.nothing(l))
		}
		base := c.words.base()
		before := b.sequence.Load()
		number := b.number
		c.fence.loads()
		if before == sequenceOf(l) && b.sequence.Load() == before && number >= base {
			return number - base, nil
		}
		runtime.Gosched()
	}
	n, err := c.heldWrites()
	return n, c.fail("read", err)
}

// heldWrites is TotalWrites while the newest value is kept from changing, where looking
// without that has failed.
func (c *consumer) heldWrites() (uint64, error) {
	if c.slot == nil {
		return 0, c.unreadable()
	}
	b, l, err := c.acquire(context.Background(), c.timeout)
	if err != nil {
		return 0, err
	}
	number, base := b.number, c.words.base()
	return number - min(base, number), c.release(l)
}

// Name returns the topic's name.
func (c *consumer) Name() string { return c.seg.name }

// Path returns the path of the topic's file, "" for a memfd.
func (c *consumer) Path() string { return c.seg.path }

// Type returns the topic's type descriptor.
func (c *consumer) Type() Type { return c.seg.geo.typ }

// Size returns the topic's capacity in bytes (TISM: allocated_data_size).
func (c *consumer) Size() int { return c.seg.geo.capacity }

// Buffers returns the topic's number of buffers.
func (c *consumer) Buffers() int { return c.seg.geo.buffers }

// CanWrite reports whether the handle has a slot: without one (a file that it may
// only read, or [ReadOnly]) it holds no guards and waits by looking every few
// milliseconds.
func (c *consumer) CanWrite() bool { return c.slot != nil }

// State tells what became of the publisher, by the kernel's word. It makes a system
// call.
func (c *consumer) State() State {
	switch {
	case c.seg.mem == nil || c.seg.retired():
		return Replaced
	case c.words.state.Load() == stateClosed:
		return Closed
	case c.seg.publisherAlive():
		return Alive
	}
	return Died
}

// Publisher returns the PID and command of the process that publishes or published
// last, as it said itself: for people to read.
func (c *consumer) Publisher() (pid int, command string) {
	if c.seg.mem == nil {
		return 0, ""
	}
	who := c.words.signature()
	return who.PID, who.Command
}

// Unlinked reports whether the topic's file has lost its name (see
// [Publisher.Unlinked]).
func (c *consumer) Unlinked() bool { return c.seg.mem != nil && c.seg.unlinked() }

// usable says why nothing can be read at all.
func (c *consumer) usable() error {
	switch {
	case c.seg.mem == nil:
		return ErrHandle
	case c.words.retired.Load() != 0:
		return ErrReplaced
	}
	return nil
}

// nothing says why there is no buffer where latest points.
func (c *consumer) nothing(l uint32) error {
	if l == latestNone {
		return ErrEmpty
	}
	return fmt.Errorf("%w: latest is %#x with %d buffers", ErrCorrupt, l, c.seg.geo.buffers)
}

// Copies are tried this often before something stronger is tried.
const (
	quickCopies = 4
	maxCopies   = 10_000
)

// readSlow is a read after the first, inlined attempt failed: it copies the newest
// value to dst, which must be of size want if that is not negative, and returns
// its length. If it fails dst holds no usable value.
func (c *consumer) readSlow(dst []byte, want int) (int, error) {
	dst = c.within(dst)
	for try := range maxCopies {
		if err := c.usable(); err != nil {
			return 0, err
		}
		if n, ok, err := c.tryCopy(dst, want); ok || err != nil {
			return n, err
		}
		if try < quickCopies {
			continue
		}
		if c.slot != nil {
			return c.readHeld(dst, want)
		}
		runtime.Gosched()
	}
	return 0, c.unreadable()
}

// within cuts dst to the capacity, so that a length which fits is one of the buffer too.
func (c *consumer) within(dst []byte) []byte { return dst[:min(len(dst), c.seg.geo.capacity)] }

// unreadable says why a value cannot be copied without a slot.
func (c *consumer) unreadable() error {
	if c.seg.geo.buffers == 1 && !c.seg.publisherAlive() {
		return ErrTorn
	}
	return fmt.Errorf("%w: ask the topic's owner for write permission, or for a topic with more buffers", ErrOverrun)
}

// newestLength is how long the newest value is about to be found: a guess.
func (c *consumer) newestLength() int {
	if b := c.bufs[c.words.latest.Load()&15]; b != nil {
		return int(min(b.length, uint32(c.seg.geo.capacity)))
	}
	return 0
}

// tryCopy copies the newest value if nobody writes to its buffer meanwhile.
func (c *consumer) tryCopy(dst []byte, want int) (n int, ok bool, err error) {
	b, l := c.seg.newest()
	if b == nil {
		return 0, false, c.nothing(l)
	}
	// Pairs with openSequence and commit of the publisher.
	seq := b.sequence.Load()
	if seq != sequenceOf(l) {
		return 0, false, nil
	}
	length, stamp := b.length, b.stamp
	fits := int64(length) <= int64(len(dst)) && (want < 0 || int64(length) == int64(want))
	if fits {
		copyBytes(dst, b.bytes(int(length)))
	}
	c.fence.loads()
	if b.sequence.Load() != seq {
		return 0, false, nil
	}
	if !fits {
		return 0, false, c.unfit(length, len(dst), want)
	}
	c.note(stamp)
	c.size = length
	return int(length), true, nil
}

func (c *consumer) unfit(length uint32, room, want int) error {
	switch {
	case int64(length) > int64(c.seg.geo.capacity):
		return fmt.Errorf("%w: length %d with a capacity of %d", ErrCorrupt, length, c.seg.geo.capacity)
	case want >= 0:
		return checkSize(length, want)
	}
	return fmt.Errorf("%w: the newest value has %d bytes, there is room for %d", ErrSize, length, room)
}

// readHeld copies the newest value while it is kept from changing, where copying
// without that has failed.
func (c *consumer) readHeld(dst []byte, want int) (int, error) {
	if c.lease.held() && c.reader != nil {
		// One buffer, locked by this handle: it cannot change, so tryCopy fails for
		// no reason that waiting would mend.
		return 0, c.nothing(c.words.latest.Load())
	}
	b, l, err := c.acquire(context.Background(), c.timeout)
	if err != nil {
		return 0, err
	}
	length := b.length
	if int64(length) > int64(len(dst)) || want >= 0 && int64(length) != int64(want) {
		err = c.unfit(length, len(dst), want)
	} else {
		copyBytes(dst, b.bytes(int(length)))
		c.note(b.stamp)
		c.size = length
	}
	if lost := c.release(l); err == nil {
		err = lost
	}
	return int(length), err
}

// acquire keeps the newest value in place until release.
func (c *consumer) acquire(ctx context.Context, d time.Duration) (*buffer, uint32, error) {
	if err := c.usable(); err != nil {
		return nil, 0, err
	}
	if c.slot == nil {
		return nil, 0, ErrReadOnly
	}
	if c.reader != nil {
		return c.acquireLock(ctx, d)
	}
	for range maxCopies {
		b, l := c.pin()
		if b == nil {
			return nil, 0, c.nothing(l)
		}
		if l != stale {
			return b, l, nil
		}
	}
	return nil, 0, ErrOverrun
}

// stale is a latest that cannot be: the pin came too late.
const stale = 15

// pin pins the newest buffer. It returns stale when the publisher was faster.
func (c *consumer) pin() (*buffer, uint32) {
	l := c.words.latest.Load()
	b := c.bufs[l&15]
	if b == nil {
		return nil, l
	}
	// Pairs with the publisher's scan after its store of latest: either it sees the
	// pin, or this load sees that the buffer is not the newest any more.
	storeSeq(c.pins, c.lease.pins()|1<<(l&15))
	again := c.words.latest.Load()
	if again&15 == l&15 {
		if b.sequence.Load() != sequenceOf(again) {
			c.unpin()
			return nil, again
		}
		return b, again
	}
	c.unpin()
	return b, stale
}

// unpin leaves only what the guard has pinned, and wakes a publisher that waits for a
// buffer.
func (c *consumer) unpin() {
	storeSeq(c.pins, c.lease.pins()) // pairs with the publisher's store of want
	if c.words.want.Load() != 0 {
		c.seg.ringFreed()
	}
}

// acquireLock is acquire with one buffer.
func (c *consumer) acquireLock(ctx context.Context, d time.Duration) (*buffer, uint32, error) {
	if err := c.reader.RLock(ctx, d); err != nil {
		return nil, 0, err
	}
	b, l := c.seg.newest()
	if b == nil || b.sequence.Load() != sequenceOf(l) {
		_ = c.reader.RUnlock()
		return nil, 0, c.nothing(l)
	}
	return b, l, nil
}

// release ends what acquire began, when it returned latest.
func (c *consumer) release(latest uint32) error {
	if c.reader != nil {
		return c.reader.RUnlock()
	}
	if c.pins.Load()&(1<<(latest&15)) == 0 {
		return ErrLeaseLost
	}
	c.unpin()
	return nil
}

// A readGuard is the guard of any kind of consumer.
type readGuard struct {
	c     *consumer // nil in the zero guard
	value *payload
	lease lease
}

// Info describes the value.
func (g readGuard) Info() Info { return g.c.Info() }

// Unlock lets the value go. The second time it returns [ErrNotLocked]; [ErrLeaseLost]
// means that the guard was taken away and what was read may have been torn.
func (g readGuard) Unlock() error { return g.c.unguard(g.lease) }

// guard takes the handle's guard, with the handle's timeout where it has to wait, on
// a value of the given size. It and unguard are one function each, with no call on the
// way, because two full fences leave no time for more.
func (c *consumer) guard(size int) (readGuard, error) {
	words, pins := c.words, c.pins
	l := words.latest.Load()
	b := c.bufs[l&15]
	if b == nil || c.lease.held() || c.slot == nil || words.retired.Load() != 0 {
		return c.guardSlow(context.Background(), c.timeout, size)
	}
	if pins != nil {
		storeSeq(pins, 1<<(l&15)) // as in pin; the guard is all that this slot pins
	} else if !c.reader.Enter() {
		return c.guardAgain(size)
	}
	if words.latest.Load() != l || b.sequence.Load() != sequenceOf(l) || b.length != uint32(size) {
		return c.guardAgain(size)
	}
	c.note(b.stamp)
	c.lease = c.lease.next(l)
	return readGuard{c, b.payload(), c.lease}, nil
}

// guardAgain is guard after its first try has failed.
func (c *consumer) guardAgain(size int) (readGuard, error) {
	if c.pins != nil {
		c.unpin()
	} else {
		c.reader.TryRLock() // what must follow on Enter, which may have failed or not
		_ = c.reader.RUnlock()
	}
	return c.guardSlow(context.Background(), c.timeout, size)
}

// guardSlow is guard where something may be in the way. A negative size stands for any,
// which it leaves in c.size.
func (c *consumer) guardSlow(ctx context.Context, d time.Duration, size int) (readGuard, error) {
	b, l, err := c.guardNewest(ctx, d, size)
	if err != nil {
		return readGuard{}, c.fail("lock", err)
	}
	c.lease = c.lease.next(l)
	c.note(b.stamp)
	return readGuard{c, b.payload(), c.lease}, nil
}

func (c *consumer) guardNewest(ctx context.Context, d time.Duration, size int) (*buffer, uint32, error) {
	if c.lease.held() {
		return nil, 0, ErrLocked
	}
	b, l, err := c.acquire(ctx, d)
	if err != nil {
		return nil, 0, err
	}
	length := b.length
	if int64(length) > int64(c.seg.geo.capacity) || size >= 0 && int64(length) != int64(size) {
		_ = c.release(l)
		return nil, 0, c.unfit(length, 0, size)
	}
	c.size = length
	return b, l, nil
}

// unguard gives the guard of the given lease back. A guard that was never taken comes
// with a nil consumer.
func (c *consumer) unguard(at lease) error {
	if c == nil || c.lease != at || !at.held() {
		return c.notGuarded()
	}
	if pins := c.pins; pins == nil {
		if !c.reader.Exit() {
			return c.unguardSlow()
		}
		c.lease = at &^ leaseHeld
	} else {
		if pins.Load()&at.pins() == 0 {
			return c.unguardSlow()
		}
		storeSeq(pins, 0) // as in unpin
		c.lease = at &^ leaseHeld
		if c.words.want.Load() != 0 {
			c.seg.ringFreed()
		}
	}
	return nil
}

// unguardSlow is unguard where the lock has a writer to wake, or the lease was lost.
func (c *consumer) unguardSlow() error {
	err := ErrLeaseLost
	if c.reader != nil {
		err = c.reader.RUnlock()
	}
	c.lease &^= leaseHeld
	return c.fail("unlock", err)
}

func (c *consumer) notGuarded() error {
	if c == nil {
		return &OpError{Op: "unlock", Topic: "?", Err: ErrNotLocked}
	}
	return c.fail("unlock", ErrNotLocked)
}

// clone opens the topic a second time, for another goroutine. What was read counts
// as read for the new handle too.
func (c *consumer) clone(to *consumer) error {
	if c.seg.mem == nil {
		return ErrHandle
	}
	fd, err := reopen(c.seg.fd, c.seg.access != readAccess)
	if err != nil {
		return err
	}
	s, err := newSegment(fd, c.seg.name, c.seg.access)
	if err != nil {
		return err
	}
	s.path, s.memfd = c.seg.path, c.seg.memfd
	if err := to.init(s, c.timeout); err != nil {
		s.close()
		return err
	}
	to.stamp, to.prev, to.size = c.stamp, c.prev, c.size
	return nil
}

// Close ends the consumer. The topic does not notice. Close returns [ErrLocked]
// while a guard is held, and [ErrHandle] the second time.
func (c *consumer) Close() error {
	switch {
	case c.seg.mem == nil:
		return c.fail("close", ErrHandle)
	case c.lease.held():
		return c.fail("close", ErrLocked)
	}
	if c.slot != nil {
		// A segment that was cut short must close as well; nobody is left to tell.
		_ = CatchFault(func() error { c.seg.detach(c.index); return nil })
	}
	c.words, c.bufs = deadWords, [16]*buffer{}
	c.seg.close()
	return nil
}
