package shm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tism-go/tism/futex"
)

// Errors of opening and creating.
var (
	// ErrName: not a topic's name. A name is 1 to 200 bytes of UTF-8, without
	// '/' and NUL, and does not begin with a dot.
	ErrName = errors.New("bad topic name")
	// ErrNotTopic: what has the name is not a topic, or a damaged one.
	ErrNotTopic = errors.New("not a topic")
	// ErrVersion: the topic was made by another version of the layout.
	ErrVersion = errors.New("layout version differs")
	// ErrType: the topic holds another type. The error is a [*TypeError].
	ErrType = errors.New("type differs")
	// ErrBadType: the Go type cannot live in shared memory.
	ErrBadType = errors.New("type cannot be shared")
	// ErrOption: an option's value makes no sense.
	ErrOption = errors.New("bad option")
	// ErrLive: the topic has a live publisher. The error is a [*LiveError].
	ErrLive = errors.New("topic has a live publisher")
	// ErrNoSlots: the topic has as many consumers as its creator allowed for.
	ErrNoSlots = errors.New("no free consumer slot")
	// ErrInUse: the topic has a publisher or consumers, so it is not removed.
	ErrInUse = errors.New("topic is in use")
	// ErrMemoryLock: the kernel refused to lock pages into memory.
	ErrMemoryLock = errors.New("cannot lock memory")
)

// Errors of a topic in use.
var (
	// ErrClosed: the publisher has closed the topic. Its last value can still be
	// read by those that have it open.
	ErrClosed = errors.New("closed by its publisher")
	// ErrReplaced: the topic was replaced or removed. Nothing will come here any
	// more: close the handle and open the topic again.
	ErrReplaced = errors.New("topic was replaced or removed: reopen it")
	// ErrTorn: the publisher of a topic with one buffer died while it wrote. The
	// value is whole again after the next write.
	ErrTorn = futex.ErrTorn
	// ErrEmpty: nothing was published yet; only a byte topic can be created so.
	ErrEmpty = errors.New("nothing was published yet")
	// ErrTimeout: the time to wait was over; the topic is as before. It matches
	// os.ErrDeadlineExceeded and context.DeadlineExceeded. Where somebody was in
	// the way the error is a [*HeldError].
	ErrTimeout = futex.ErrTimeout
	// ErrTooLarge: the value is larger than the topic's capacity.
	ErrTooLarge = errors.New("larger than the topic's capacity")
	// ErrSize: the newest value of a byte topic has not the size of the type, or
	// does not fit where it is to go.
	ErrSize = errors.New("size differs")
	// ErrReadOnly: the handle may not write to the segment, which this call needs.
	ErrReadOnly = errors.New("needs write permission to the topic's file")
	// ErrOverrun: a handle without write permission could not get a whole copy,
	// because the publisher kept overwriting it.
	ErrOverrun = errors.New("value kept changing while it was copied")
	// ErrDiscard: with one buffer the value is written in place and cannot be
	// discarded. Publish a whole value instead.
	ErrDiscard = errors.New("a topic with one buffer cannot discard a write")
	// ErrCorrupt: shared memory says what the protocol rules out. Somebody else
	// wrote to it.
	ErrCorrupt = errors.New("shared memory is corrupt")
	// ErrFault: the segment's file was cut short under its users (see [CatchFault]).
	ErrFault = errors.New("segment was truncated")
)

// Errors of misuse.
var (
	// ErrHandle: the handle is closed.
	ErrHandle = errors.New("use of a closed handle")
	// ErrNotLocked: the guard was unlocked before.
	ErrNotLocked = futex.ErrNotLocked
	// ErrLocked: this handle's guard is still held. Unlock it first.
	ErrLocked = futex.ErrLocked
	// ErrLeaseLost: the slot was reclaimed while its guard was held. What was
	// read under it may have been torn.
	ErrLeaseLost = futex.ErrLeaseLost
	// ErrNil: a nil pointer where a value is needed.
	ErrNil = errors.New("nil value")
)

// An OpError is what every call of this package returns when it fails: which
// call, on which topic, and why. Err is one of the package's sentinels, wraps
// one, or comes from the kernel (errno, fs.ErrNotExist, fs.ErrPermission, ...).
type OpError struct {
	Op    string // "open", "create", "read", ...
	Topic string
	Err   error
}

func (e *OpError) Error() string {
	return fmt.Sprintf("tism: %s topic %q: %v", e.Op, e.Topic, e.Err)
}
func (e *OpError) Unwrap() error { return e.Err }

// A TypeError shows the layouts that do not match. It matches [ErrType].
type TypeError struct {
	Topic Type // what the topic holds
	Want  Type // what the program asked for
	Hint  string
}

func (e *TypeError) Error() string {
	var b strings.Builder
	b.WriteString("type differs\nthe topic holds:\n")
	indent(&b, e.Topic.String())
	b.WriteString("this program has:\n")
	indent(&b, e.Want.String())
	if e.Hint != "" {
		b.WriteString(e.Hint)
	}
	return strings.TrimRight(b.String(), "\n")
}
func (e *TypeError) Is(target error) bool { return target == ErrType }

func indent(b *strings.Builder, text string) {
	for line := range strings.Lines(text) {
		b.WriteString("    ")
		b.WriteString(line)
	}
}

// A LiveError names the process that publishes the topic. It matches [ErrLive].
// PID and command are what that process said of itself; in another PID namespace
// the number means nothing here.
type LiveError struct {
	PID     int
	Command string
}

func (e *LiveError) Error() string {
	return fmt.Sprintf("topic has a live publisher: %s (PID %d); stop it, or create with shm.Replace() to take its name", e.Command, e.PID)
}
func (e *LiveError) Is(target error) bool { return target == ErrLive }

// A Holder is a consumer that keeps a publisher waiting.
type Holder struct {
	Slot    int
	PID     int
	Command string
}

// A HeldError says who kept a publisher waiting until it gave up. It unwraps to
// [ErrTimeout] or the context's error.
type HeldError struct {
	Holders []Holder
	Err     error
}

func (e *HeldError) Error() string {
	var b strings.Builder
	b.WriteString("every buffer is held: ")
	for i, h := range e.Holders {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "consumer slot %d (%s, PID %d)", h.Slot, h.Command, h.PID)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}
func (e *HeldError) Unwrap() error { return e.Err }
