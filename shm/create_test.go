//go:build linux

package shm

import (
	"errors"
	"testing"
	"time"
)

// TestCreateWhileTakenOver: whoever takes a closed topic over holds its role before it has
// signed. A rival must not be told of the publisher before it.
func TestCreateWhileTakenOver(t *testing.T) {
	dir := t.TempDir()
	p, err := Create("t", uint64(1), InDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	successor, err := openSegment(dir+"/t", "t", publisherAccess)
	if err != nil {
		t.Fatal(err)
	}
	defer successor.close()
	if ok, err := lockByte(successor.fd, publisherByte); !ok || err != nil {
		t.Fatalf("the publisher's byte: %v, %v", ok, err)
	}
	_, err = Create("t", uint64(2), InDir(dir), Timeout(5*passingBy))
	if !errors.Is(err, errBusy) || errors.Is(err, ErrLive) {
		t.Errorf("Create before the successor has signed: %v, want that the name is changing hands", err)
	}
	successor.pub.sign(1)
	successor.pub.state.Store(stateOpen)
	if _, err = Create("t", uint64(2), InDir(dir), Timeout(time.Second)); !errors.Is(err, ErrLive) {
		t.Errorf("Create after the successor has signed: %v, want %v", err, ErrLive)
	}
}
