package shm

import (
	"errors"
	"fmt"
	"time"
)

// Remove removes a topic: its name is gone at once, its memory once its last user
// closes. It refuses with [ErrInUse] while the topic has a publisher or consumers
// with a slot; RemoveForced does not ask. A consumer that opens the topic in the very
// moment may get it and learn from its first call that it was removed
// ([ErrReplaced]). Errors are else as those of [Open]; what is not a topic is never
// removed.
func Remove(name string, opts ...Option) error { return removeNamed(name, opts, false) }

// RemoveForced removes a topic even if it is in use. Its publisher and consumers get
// [ErrReplaced].
func RemoveForced(name string, opts ...Option) error { return removeNamed(name, opts, true) }

func removeNamed(name string, opts []Option, force bool) error {
	c, err := configure(opts)
	if err == nil {
		err = retryBusy(c.timeout, func() error { return tryRemove(c, name, force) })
	}
	if err != nil {
		return &OpError{Op: "remove", Topic: name, Err: err}
	}
	return nil
}

// retryBusy calls f until it returns something else than errBusy, for a while.
// Whoever is at it needs microseconds, and there is nothing to sleep on.
func retryBusy(d time.Duration, f func() error) error {
	for start := Now(); ; time.Sleep(time.Millisecond) {
		err := f()
		if !errors.Is(err, errBusy) {
			return err
		}
		if start.Age() > d {
			return fmt.Errorf("%w for %v: another process is creating or removing it, or stopped in the middle of that", err, d)
		}
	}
}

func tryRemove(c config, name string, force bool) error {
	path, err := topicPath(c.dir, name)
	if err != nil {
		return err
	}
	s, err := openSegment(path, name, publisherAccess)
	if err != nil {
		return err
	}
	defer s.close()
	ok, err := lockByte(s.fd, publisherByte)
	if err != nil {
		return err
	}
	if !force && !s.retired() {
		if !ok && !s.signed() {
			return errBusy // as in claim
		}
		if !ok {
			who := s.pub.signature()
			return fmt.Errorf("%w: published by %s (PID %d)", ErrInUse, who.Command, who.PID)
		}
		if at := nextLocked(s.fd, slotByte(0), int64(s.geo.slots)); at >= 0 {
			return fmt.Errorf("%w: consumer slot %d", ErrInUse, at-slotByte(0))
		}
	}
	return s.unlinkNamed()
}
