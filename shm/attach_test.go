//go:build linux

package shm

import (
	"errors"
	"testing"
)

// TestAttachWhileReaped: the last slot's byte is taken for a moment by whoever reaps its
// dead owner. That is no reason to say that there is no slot.
func TestAttachWhileReaped(t *testing.T) {
	dir := t.TempDir()
	p, err := Create("t", uint64(1), InDir(dir), Slots(1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	reaper, err := openSegment(dir+"/t", "t", consumerAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer reaper.close()
	if ok, err := lockByte(reaper.fd, slotByte(0)); !ok || err != nil {
		t.Fatalf("the slot's byte: %v, %v", ok, err)
	}
	pauses := 0
	defer func(f func()) { attachPause = f }(attachPause)
	attachPause = func() { pauses++ }
	if _, err := Open[uint64]("t", InDir(dir)); !errors.Is(err, ErrNoSlots) {
		t.Fatalf("Open while the byte is taken all the time: %v, want %v", err, ErrNoSlots)
	}
	if pauses != attachTries-1 {
		t.Errorf("%d pauses, want %d", pauses, attachTries-1)
	}
	attachPause = func() { unlockByte(reaper.fd, slotByte(0)) } // reaped
	c, err := Open[uint64]("t", InDir(dir))
	if err != nil {
		t.Fatalf("Open while the last slot is reaped: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
