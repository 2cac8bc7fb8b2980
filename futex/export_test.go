package futex

import (
	"testing"
	"time"
)

// SetWaiting makes a slot look as if its owner waited on phase 0.
func SetWaiting(s *Slot) { s.state.Store(slotWaits) }

// Waiting reports whether the owner waits on phase 0.
func Waiting(s *Slot) bool { return s.state.Load() == slotWaits }

// Slices sets the length of slices for a test: with an hour sleepers rely on being woken.
func Slices(t *testing.T, first, last time.Duration) {
	was, wasLast := firstSlice, lastSlice
	firstSlice, lastSlice = first, last
	t.Cleanup(func() { firstSlice, lastSlice = was, wasLast })
}
