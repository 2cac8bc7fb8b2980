package shm

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/tism-go/tism/futex"
)

// A publisher is what all kinds of publishers have in common. What it needs to
// know it keeps in its own memory and never reads back from the segment.
type publisher struct {
	seg   *segment
	words *publisherWords
	ctl   *controlWords
	slots []futex.Slot
	bufs  [16]*buffer
	all   uint32 // a bit for each buffer

	number uint64 // of the newest publication, 0 for none
	newest uint32 // the bit of its buffer, 0 for none
	cur    int    // the index of its buffer
	next   int    // index of the buffer that is being written, -1 for none
	lease  uint32 // of the guard that holds it
	rings  uint32 // number of the last ring of notify

	single  bool          // one buffer
	writer  *futex.Writer // of its lock
	stamps  bool
	timeout time.Duration
}

// deadWords is what handles look at after Close, so that their fast paths need no
// check of their own.
var deadWords = func() *publisherWords {
	w := new(publisherWords)
	w.latest.Store(latestNone)
	w.retired.Store(1)
	return w
}()

func newPublisher(s *segment, c config) *publisher {
	p := &publisher{
		seg: s, words: s.pub, ctl: s.ctl, slots: s.slots, bufs: s.bufs,
		all: 1<<s.geo.buffers - 1, next: -1, rings: s.ctl.notify.Number(),
		single: s.geo.buffers == 1, stamps: !c.noTimestamps, timeout: c.timeout,
	}
	if b, l := s.newest(); b != nil {
		p.number, p.newest, p.cur = b.number, 1<<(l&15), int(l&15)
		// With one buffer a predecessor that died inside may have counted already, or half.
		if uint32(p.number&versionMask) != l>>4 {
			p.number = uint64(l >> 4)
		}
	}
	if p.single {
		p.writer = (&futex.RWLock{Word: &s.pub.lock, Slots: s.slots, Peers: s}).Writer()
	}
	return p
}

// torn reports whether there is no whole value: one buffer, and a write that never
// ended.
func (p *publisher) torn() bool { return p.single && p.writer.Torn() }

// fail wraps an error for the caller.
func (p *publisher) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &OpError{Op: op, Topic: p.seg.name, Err: err}
}

// begin finds a buffer to write to and marks it. After it commit or discard must
// follow.
func (p *publisher) begin(ctx context.Context, d time.Duration) (*buffer, error) {
	if b := p.tryBegin(); b != nil {
		return b, nil
	}
	return p.beginSlow(ctx, d)
}

// beginSlow is begin after tryBegin.
func (p *publisher) beginSlow(ctx context.Context, d time.Duration) (*buffer, error) {
	j, err := p.await(ctx, d)
	if err != nil {
		return nil, err
	}
	return p.open(j), nil
}

// tryBegin is begin where a buffer is free right now; nil where none is. It and commit are
// one function each, because a small publish has no time for calls.
func (p *publisher) tryBegin() *buffer {
	// retired is also 1 in deadWords, after Close.
	if p.single || p.next >= 0 || p.words.retired.Load() != 0 {
		return nil
	}
	free := p.free()
	if free == 0 {
		return nil
	}
	return p.open(p.oldest(free))
}

// oldest chooses one of the buffers: round robin, so that a copy that is under way in an old
// one has the longest time to end.
func (p *publisher) oldest(free uint32) int {
	if later := free &^ (p.newest<<1 - 1); later != 0 {
		free = later
	}
	return bits.TrailingZeros32(free)
}

// free returns a bit for each buffer that can be written to right now: that is neither
// the newest nor pinned by anybody.
func (p *publisher) free() uint32 {
	taken := p.newest
	slots := p.slots
	if hi := p.ctl.hi.Load(); uint(hi) < uint(len(slots)) {
		slots = slots[:hi]
	}
	// Pairs with a consumer's store of pins and load of latest: the swap of notify
	// after the last store of latest lies between that and the loads here.
	for i := range slots {
		taken |= slots[i].User[userPins].Load()
	}
	return p.all &^ taken
}

// open marks buffer j as being written.
func (p *publisher) open(j int) *buffer {
	b := p.bufs[j&15]
	p.next = j
	p.lease++
	// Pairs with the loads of sequence around a copy.
	openSequence(b, uint32((p.number+1)&versionMask)<<1|1, &p.words.latest)
	return b
}

// await is begin where there is no buffer to pick right now.
func (p *publisher) await(ctx context.Context, d time.Duration) (int, error) {
	if err := p.refuse(); err != nil {
		return -1, err
	}
	if !p.single {
		return p.awaitFree(ctx, d)
	}
	return 0, p.explain(p.writer.Lock(ctx, d))
}

// refuse says why nothing can be published at all.
func (p *publisher) refuse() error {
	switch {
	case p.seg.mem == nil:
		return ErrHandle
	case p.next >= 0:
		return ErrLocked
	case p.words.retired.Load() != 0:
		return ErrReplaced
	}
	return nil
}

// explain names the consumer behind a slot of the lock.
func (p *publisher) explain(err error) error {
	blocked, ok := err.(*futex.BlockedError)
	if !ok {
		return err // nil included
	}
	return &HeldError{Holders: []Holder{p.holder(blocked.Slot)}, Err: blocked.Err}
}

func (p *publisher) holder(i int) Holder {
	u := &p.slots[i].User
	return Holder{Slot: i, PID: int(u[userPID].Load()), Command: loadCommand(u[userCommand : userCommand+4])}
}

// awaitFree waits until a buffer is free, and clears what the dead hold.
func (p *publisher) awaitFree(ctx context.Context, d time.Duration) (int, error) {
	limit := futex.Within(ctx, d)
	defer limit.Stop()
	storeSeq(&p.words.want, 1) // pairs with the load after a release of pins
	defer p.words.want.Store(0)
	for {
		// Before the look, so that a release after it changes the word. Sleeping on
		// one of the pins instead would miss a release of another.
		freed := p.ctl.freed.Load()
		held := p.holding()
		if err := p.refuse(); err != nil {
			return -1, err
		}
		if free := p.free(); free != 0 {
			return p.oldest(free), nil
		}
		if err := limit.Wait(&p.ctl.freed, freed); err != nil {
			return -1, p.held(held, err)
		}
	}
}

// holding returns the slots that pin something, after it reaped the dead.
func (p *publisher) holding() (held []int) {
	for i := range p.slots[:p.seg.Slots()] {
		if p.slots[i].User[userPins].Load()&p.all != 0 && !p.seg.Reap(i) {
			held = append(held, i)
		}
	}
	return held
}

func (p *publisher) held(slots []int, err error) error {
	e := &HeldError{Err: err}
	for _, i := range slots {
		e.Holders = append(e.Holders, p.holder(i))
	}
	return e
}

// commit publishes what was written to the buffer of begin: n bytes that describe
// the world at the time sampled (0: now).
func (p *publisher) commit(n int, sampled Time) {
	var now Time
	if p.stamps {
		now = Now() // before all else, so that nothing has to be kept across the call
	}
	if sampled == 0 {
		sampled = now
	}
	j := p.next & 15
	b := p.bufs[j]
	number := p.number + 1
	v := uint32(number & versionMask)
	b.length, b.stamp = uint32(n), stamp{number, now, sampled}
	p.number, p.newest, p.cur, p.next = number, 1<<j, j, -1
	storeRelease(&b.sequence, v<<1)               // pairs with the loads around a copy
	storeRelease(&p.words.latest, v<<4|uint32(j)) // pairs with the consumers' loads of latest
	if p.single {
		_ = p.writer.Unlock() // begin holds it
	}
	p.rings++ // as in ring
	p.ctl.notify.Ring(p.rings)
}

// ring wakes whoever waits on the topic. Pairs with the second look after Arm.
func (p *publisher) ring() {
	p.rings++
	p.ctl.notify.Ring(p.rings)
}

// discard gives the buffer of begin back. Its sequence stays odd, which says
// nothing, because latest does not name it.
func (p *publisher) discard() error {
	if p.single {
		return ErrDiscard
	}
	p.next = -1
	return nil
}

// abandon is discard for a writer that failed halfway: with one buffer the value
// is torn from then on.
func (p *publisher) abandon() {
	if p.single {
		p.writer.Abandon()
	}
	p.next = -1
}

// writeBytes publishes a copy of v, which fits.
func (p *publisher) writeBytes(v []byte) error {
	b, err := p.begin(context.Background(), p.timeout)
	if err != nil {
		return err
	}
	copyBytes(b.bytes(len(v)), v)
	p.commit(len(v), 0)
	return nil
}

// preset copies the newest value into the buffer of begin, for an update of part
// of it, and returns its length.
func (p *publisher) preset(b *buffer) (int, error) {
	if p.torn() {
		p.abandon()
		return 0, fmt.Errorf("%w: write a whole value first", ErrTorn)
	}
	if p.number == 0 {
		return 0, nil
	}
	cur := p.bufs[p.cur]
	n := int(cur.length)
	if cur.length > uint32(p.seg.geo.capacity) {
		p.abandon()
		return 0, fmt.Errorf("%w: length %d", ErrCorrupt, cur.length)
	}
	if !p.single {
		copyBytes(b.bytes(n), cur.bytes(n))
	}
	return n, nil
}

// newestBuffer returns the buffer of the newest publication, for the publisher's
// own reads: nobody else writes to it, and the publisher does not while it reads.
func (p *publisher) newestBuffer() (*buffer, error) {
	switch {
	case p.seg.mem == nil:
		return nil, ErrHandle
	case p.single && p.next >= 0:
		return nil, ErrLocked // written in place right now
	case p.torn():
		return nil, ErrTorn
	case p.number == 0:
		return nil, ErrEmpty
	}
	return p.bufs[p.cur], nil
}

// Name returns the topic's name.
func (p *publisher) Name() string { return p.seg.name }

// Path returns the path of the topic's file, "" for a memfd.
func (p *publisher) Path() string { return p.seg.path }

// Type returns the topic's type descriptor.
func (p *publisher) Type() Type { return p.seg.geo.typ }

// Size returns the topic's capacity in bytes: of the struct, or the most that a
// value can have.
func (p *publisher) Size() int { return p.seg.geo.capacity }

// Buffers returns the topic's number of buffers.
func (p *publisher) Buffers() int { return p.seg.geo.buffers }

// TotalWrites returns how many values this publisher has published, the initial
// one included.
func (p *publisher) TotalWrites() uint64 {
	if p.seg.mem == nil {
		return 0
	}
	return p.number - p.words.base()
}

// Unlinked reports whether the topic's file has lost its name, so that no new
// consumer can find it: somebody removed or replaced it, or systemd cleaned up
// (see [Dir]). Close the publisher and create the topic again.
func (p *publisher) Unlinked() bool { return p.seg.mem != nil && p.seg.unlinked() }

// Fd returns the segment's descriptor, which a child process can inherit (pass
// File to [os/exec.Cmd.ExtraFiles]); whoever gets it opens it with [OpenFile].
// It stays valid until Close and stays the publisher's own.
func (p *publisher) Fd() uintptr { return uintptr(p.seg.fd) }

// File returns a new descriptor of the segment's file that can be handed to
// another process, to be closed by the caller. It carries no roles.
func (p *publisher) File() (*os.File, error) {
	if p.seg.mem == nil {
		return nil, p.fail("share", ErrHandle)
	}
	fd, err := reopen(p.seg.fd, true)
	if err != nil {
		return nil, p.fail("share", err)
	}
	return os.NewFile(uintptr(fd), p.seg.name), nil
}

// Close ends the publisher. The topic stays: its consumers can still read the last
// value and learn that it is closed, and a later Create takes it over. Close
// returns [ErrLocked] while a guard is held, and [ErrHandle] the second time.
func (p *publisher) Close() error { return p.fail("close", p.shut(false)) }

// Remove closes the topic and removes it, so that nothing of it is left once its
// last user closes. Consumers get [ErrReplaced]. Errors are those of Close.
func (p *publisher) Remove() error { return p.fail("remove", p.shut(true)) }

func (p *publisher) shut(remove bool) error {
	switch {
	case p.seg.mem == nil:
		return ErrHandle
	case p.next >= 0:
		return ErrLocked
	}
	err := CatchFault(func() error {
		p.words.state.Store(stateClosed)
		p.ring()
		if remove {
			return p.remove()
		}
		return nil
	})
	if errors.Is(err, ErrFault) {
		err = nil // a segment that was cut short must close as well; nobody is left to tell
	}
	p.words, p.bufs = deadWords, [16]*buffer{}
	p.seg.close()
	return err
}

func (p *publisher) remove() error {
	if p.seg.path == "" {
		p.seg.retire()
		return nil
	}
	if err := p.seg.unlinkNamed(); err != nil && err != errBusy {
		return err
	}
	return nil // errBusy: somebody else has removed it or does so now
}
