package shm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// openNamed opens and checks the topic of that name.
func openNamed(name string, c config, want Type) (*segment, error) {
	path, err := topicPath(c.dir, name)
	if err != nil {
		return nil, err
	}
	access := consumerAccess
	if c.readOnly {
		access = readAccess
	}
	s, err := openSegment(path, name, access)
	if err != nil {
		return nil, err
	}
	if err := s.admit(c, want); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// admit decides whether a program that wants the type may use the segment.
func (s *segment) admit(c config, want Type) error {
	if s.retired() {
		// Whoever retired it is about to unlink it, or died before; the next Create
		// or Remove does it then.
		return fmt.Errorf("it was removed just now: %w", fs.ErrNotExist)
	}
	// First, so that WaitOpen waits for the successor, which may have the right type.
	if s.pub.state.Load() == stateClosed && !c.allowClosed {
		return ErrClosed
	}
	if err := s.geo.typ.compatible(want); err != nil {
		return err
	}
	return s.settle(c)
}

// waitOpenNamed is openNamed that waits for a topic that is not closed.
func waitOpenNamed(ctx context.Context, name string, c config, want Type) (*segment, error) {
	s, err := openNamed(name, c, want)
	if !worthWaiting(err) {
		return s, err
	}
	w, err := newWatch(c.dir)
	if err != nil {
		return nil, err
	}
	defer w.close()
	for {
		// After the watch is set: what happened before it is seen here.
		s, err := openNamed(name, c, want)
		if !worthWaiting(err) {
			return s, err
		}
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func worthWaiting(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrClosed)
}
