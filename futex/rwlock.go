package futex

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Errors of [Writer] and [Reader].
var (
	// ErrTorn: the writer died inside the lock, so what it guards may be half
	// written. The next writer puts it right by writing all of it.
	ErrTorn = errors.New("value is torn: its writer died while writing it")
	// ErrNotLocked: an unlock without a lock.
	ErrNotLocked = errors.New("not locked")
	// ErrLocked: the handle holds the lock already; it does not nest.
	ErrLocked = errors.New("already locked by this handle")
	// ErrLeaseLost: the slot was taken away while its owner held the lock, which
	// happens when its liveness was given up (for instance by a forked child).
	ErrLeaseLost = errors.New("lease lost: the slot was reclaimed while the lock was held")
)

// A BlockedError says which slot kept [Writer.Lock] waiting until it gave up. It
// unwraps to [ErrTimeout] or the context's error.
type BlockedError struct {
	Slot int
	Err  error
}

func (e *BlockedError) Error() string { return fmt.Sprintf("reader slot %d: %v", e.Slot, e.Err) }
func (e *BlockedError) Unwrap() error { return e.Err }

// A Slot is one reader's line of the lock, 64 bytes, so that readers do not
// contend for a line. The zero value is free.
type Slot struct {
	state atomic.Uint32     // 0, slotHeld, or phase<<2|slotWaits; stored by the owner or the reaper
	User  [15]atomic.Uint32 // for the caller; the lock leaves them alone
}

// Clear frees the slot and wakes a writer that waits for it. Only for a new owner and for a reaper, while it has the
// liveness of the slot to itself (see [Peers]).
func (s *Slot) Clear() {
	old := s.state.Load()
	s.state.Store(0)
	if old != 0 {
		Wake(&s.state, All) // a writer may wait for a reader that has died
	}
	for i := range s.User {
		s.User[i].Store(0)
	}
}

// Held reports whether the owner is inside the lock or about to be.
func (s *Slot) Held() bool { return s.state.Load() == slotHeld }

// Peers answers what the lock cannot know. Package shm answers with open file
// description locks; a PID or a heartbeat is no good answer, since both may be
// wrong about the living.
type Peers interface {
	// WriterAlive reports whether a live process has the writer's role.
	WriterAlive() bool
	// Reap clears slot i if its owner is dead, and reports whether it did. It
	// must keep a new owner out while it clears.
	Reap(i int) bool
	// Slots returns how many slots, from the first, may be in use. It must read
	// that from shared memory at each call: a reader counts itself in before it
	// touches its slot for the first time.
	Slots() int
}

// RWLock is a reader-writer lock in shared memory for one writer and a fixed
// number of readers, each of which owns a slot. It is built from atomic loads
// and stores of 32-bit words only: there is no read-modify-write, so whoever
// dies at whatever instruction leaves a state that the others understand.
// Readers do not touch a common line, and phases keep a busy writer from
// starving readers and readers from starving the writer.
//
//	word  = phase<<2 | {0 open, 1 closed, 2 writing}     stored only by the writer
//	state = 0 | 1 held | phase<<2|2 waits                 stored by the slot's owner or reaper
//
// A reader that waits on phase p may enter as soon as the phase is another: a
// writer that has moved on must wait for every slot that is neither free nor
// waiting on its own phase. docs/models/lock.pml is the proof, docs/LAYOUT.md
// the normative text.
//
// In the terms of the Go memory model an Unlock happens before the return of the
// RLock that it lets in, and an RUnlock before the return of the Lock that waited
// for it, across processes.
//
// Not supported on purpose: nesting, upgrading, more than one writer at a time.
// The struct is private to the process; the memory is Word and Slots.
type RWLock struct {
	Word  *atomic.Uint32
	Slots []Slot
	Peers Peers
}

const (
	open    = 0
	closed  = 1
	writing = 2

	slotHeld  = 1
	slotWaits = 2

	flags = 3
)

// Writer returns the handle of the one writer, which must have the writer's role
// before and keep it for as long as it uses the handle. It takes over from a
// writer that died; see [Writer.Torn].
func (l *RWLock) Writer() *Writer {
	w := &Writer{word: l.Word, slots: l.Slots, peers: l.Peers}
	old := l.Word.Load()
	w.phase = old &^ flags
	switch old & flags {
	case writing:
		w.inside, w.torn = true, true
	case closed:
		// The dead writer waited for readers. Whoever came later waits for a writer
		// that may have nothing to write for long.
		w.reopen()
	}
	return w
}

// Reader returns the handle of the reader that owns slot i.
func (l *RWLock) Reader(i int) *Reader {
	return &Reader{word: l.Word, slot: &l.Slots[i], peers: l.Peers}
}

// A Writer is the writing side of an [RWLock]. It is for one goroutine.
type Writer struct {
	word    *atomic.Uint32
	slots   []Slot
	peers   Peers
	phase   uint32    // in place, that is shifted by two
	inside  bool      // word says writing
	torn    bool      // what is inside may be half written
	aborted time.Time // when the last Lock gave up, if that was in this phase
}

// Torn reports whether the value may be half written: the previous writer died
// inside, or this one called [Writer.Abandon]. Lock succeeds then without
// waiting, and the caller must write a whole value before it unlocks.
func (w *Writer) Torn() bool { return w.torn }

// Lock waits until no reader is inside and keeps new ones out. It waits no
// longer than ctx and d allow (d < 0: no limit of time). On failure the lock is
// as before, and the error is a [*BlockedError] that names the slot in the way;
// [ErrLocked] when this writer is inside already.
//
// Readers that die while they are inside are noticed; a reader that hangs or is
// stopped is waited for until the limit.
func (w *Writer) Lock(ctx context.Context, d time.Duration) error {
	if w.inside {
		if !w.torn {
			return ErrLocked
		}
		return nil // nobody is inside: the dead writer had seen to that
	}
	if !w.aborted.IsZero() {
		start := time.Now()
		if err := w.letIn(ctx, d); err != nil {
			return err
		}
		if d >= 0 {
			d = max(0, d-time.Since(start))
		}
	}
	// Pairs with the store of slotHeld and the load of word in RLock: either the
	// reader sees closed, or its slot is seen below.
	storeSeq(w.word, w.phase|closed)
	for i := range w.slots[:w.used()] {
		if s := w.slots[i].state.Load(); s != 0 && s != w.phase|slotWaits {
			if err := w.drain(ctx, d, i); err != nil {
				return err
			}
			break
		}
	}
	// Nothing is loaded after it that a reader answers to: no fence. A writer that dies has
	// made its stores in this order.
	storeRelease(w.word, w.phase|writing)
	w.inside = true
	return nil
}

// used is what the peers say, no more than there is: the figure comes from
// memory that readers can write.
func (w *Writer) used() int { return max(0, min(w.peers.Slots(), len(w.slots))) }

// drain waits until every slot from i on is out of the way.
func (w *Writer) drain(ctx context.Context, d time.Duration, i int) error {
	limit := Within(ctx, d)
	defer limit.Stop()
	for n := w.used(); i < n; i++ {
		slot := &w.slots[i]
		for {
			s := slot.state.Load()
			if s == 0 || s == w.phase|slotWaits || w.peers.Reap(i) {
				break
			}
			// Pairs with the wakes in RUnlock and wherever a reader changes its slot.
			if err := limit.Wait(&slot.state, s); err != nil {
				w.reopen()
				w.aborted = time.Now()
				return &BlockedError{Slot: i, Err: err}
			}
		}
	}
	return nil
}

// reopen lets everybody in, in the same phase: phases advance only with a write,
// so that they cannot lap a waiter.
func (w *Writer) reopen() {
	storeSeq(w.word, w.phase|open)
	Wake(w.word, All)
}

// letIn gives the readers that wait on the phase of an aborted Lock one slice since then to
// get in before it closes again: a writer that retries must not starve them. It gives up
// where the caller has less time than that.
func (w *Writer) letIn(ctx context.Context, d time.Duration) error {
	slice := max(0, firstSlice-time.Since(w.aborted))
	short := d >= 0 && d < slice
	if short {
		slice = d
	}
	limit := Within(ctx, slice)
	defer limit.Stop()
	for i := range w.slots[:w.used()] {
		for s := w.phase | slotWaits; w.slots[i].state.Load() == s; {
			err := limit.Wait(&w.slots[i].state, s)
			if err != nil && (short || err != ErrTimeout) {
				return &BlockedError{Slot: i, Err: err}
			}
			if err != nil {
				w.aborted = time.Time{}
				return nil
			}
		}
	}
	w.aborted = time.Time{}
	return nil
}

// Unlock lets readers in, those that waited first. It returns [ErrNotLocked]
// when the lock is not held.
func (w *Writer) Unlock() error {
	if !w.inside {
		return ErrNotLocked
	}
	waiting := w.phase | slotWaits
	w.inside, w.torn = false, false
	w.phase += flags + 1
	// Pairs with the load of word in RLock's wait: a reader that stored its wait
	// after the scan below sees the new phase before it sleeps.
	storeSeq(w.word, w.phase|open)
	for i := range w.slots[:w.used()] {
		if w.slots[i].state.Load() == waiting {
			Wake(w.word, All)
			break
		}
	}
	return nil
}

// Abandon leaves the lock as a dying writer would: closed, the value torn, which
// readers are told once the writer's role is free. The next Lock repairs it. It
// is for a caller whose own code failed halfway through a write.
func (w *Writer) Abandon() { w.torn = w.inside }

// A Reader is the reading side of an [RWLock]: the owner of one slot. It is for
// one goroutine.
type Reader struct {
	word  *atomic.Uint32
	slot  *Slot
	peers Peers
	held  bool
	owes  bool // a wake to the writer, since Exit
}

// Enter is the part of [Reader.TryRLock] that the compiler inlines, for hot paths. If it
// returns false a writer may wait for this reader to go away: TryRLock or RLock must follow.
func (r *Reader) Enter() bool {
	if r.held {
		return false
	}
	storeSeq(&r.slot.state, slotHeld) // pairs with the store of closed and the scan in Lock
	r.held = r.word.Load()&flags == open
	return r.held
}

// TryRLock is RLock that never waits: it reports whether the lock was open.
func (r *Reader) TryRLock() bool {
	if r.held {
		return false
	}
	if !r.Enter() {
		r.set(0)
	}
	return r.held
}

// RLock waits until no writer is inside. It waits no longer than ctx and d allow
// (d < 0: no limit of time) and returns [ErrTimeout] or the context's error
// then; [ErrTorn] at once when the writer died while it wrote; [ErrLocked] when
// this reader is inside already. Without a writer in the way it makes no system
// call.
func (r *Reader) RLock(ctx context.Context, d time.Duration) error {
	if r.held {
		return ErrLocked
	}
	if r.Enter() {
		return nil
	}
	err := r.wait(ctx, d)
	r.held = err == nil
	return err
}

// wait is RLock after it met a writer; the slot says held.
func (r *Reader) wait(ctx context.Context, d time.Duration) error {
	limit := Within(ctx, d)
	defer limit.Stop()
	for {
		w := r.word.Load()
		if w&flags == open {
			return nil
		}
		phase := w &^ flags
		r.set(phase | slotWaits)
		in, err := r.await(&limit, phase)
		if err != nil {
			r.set(0)
			return err
		}
		if in {
			return nil
		}
		// Open in the same phase: an aborted Lock. Come in as if from the start, and tell
		// the writer, which may wait for that (letIn).
		r.set(slotHeld)
	}
}

// set stores the slot's state and wakes a writer that sleeps on it.
func (r *Reader) set(s uint32) {
	storeSeq(&r.slot.state, s)
	Wake(&r.slot.state, All)
}

// await waits on a phase until it is over (in; the slot says held), the lock is
// open in the same phase (not in), or there is an error.
func (r *Reader) await(limit *Limit, phase uint32) (in bool, err error) {
	for {
		w := r.word.Load()
		if w&^flags != phase {
			// Granted. The writer of the new phase must honour this slot: what it
			// says is not a wait on that phase.
			storeSeq(&r.slot.state, slotHeld)
			return true, nil
		}
		if w&flags == open {
			return false, nil
		}
		if !r.peers.WriterAlive() {
			if in, err := r.orphaned(phase); in || err != nil {
				return in, err
			}
		}
		if err := limit.Wait(r.word, w); err != nil {
			return false, err
		}
	}
}

// orphaned decides what to do after the writer was found dead. Nothing is known
// for sure until the slot says held, which a successor honours; then it asks
// again, because a successor may have begun in between.
func (r *Reader) orphaned(phase uint32) (in bool, err error) {
	storeSeq(&r.slot.state, slotHeld)
	if r.peers.WriterAlive() {
		r.set(phase | slotWaits)
		return false, nil
	}
	w := r.word.Load()
	if w&^flags != phase || w&flags != writing {
		return true, nil // a successor scans the slots before it writes
	}
	if r.peers.WriterAlive() {
		r.set(phase | slotWaits)
		return false, nil
	}
	return false, ErrTorn
}

// Exit is the part of [Reader.RUnlock] that the compiler inlines, for hot paths. If it
// returns false there is more to do or to say: RUnlock must follow.
func (r *Reader) Exit() bool {
	if !r.held || r.slot.state.Load() != slotHeld {
		return false
	}
	r.held = false
	// Pairs with the store of closed and the load of the slot in drain.
	storeSeq(&r.slot.state, 0)
	r.owes = r.word.Load()&flags == closed
	return !r.owes
}

// RUnlock gives the lock back. It returns [ErrNotLocked] when it is not held, and
// [ErrLeaseLost] when the slot was taken away meanwhile: what was read may have
// been torn.
func (r *Reader) RUnlock() error {
	switch {
	case r.Exit():
	case r.owes:
		r.owes = false
		Wake(&r.slot.state, All)
	case r.held:
		r.held = false
		return ErrLeaseLost
	default:
		return ErrNotLocked
	}
	return nil
}
