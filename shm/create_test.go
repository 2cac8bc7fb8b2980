//go:build linux

package shm

import (
	"errors"
	"testing"
)

// TestCreateWhileTakenOver: whoever takes a topic over holds its role before it has signed. A
// rival must not be told of the publisher before it, be that closed or dead.
func TestCreateWhileTakenOver(t *testing.T) {
	for name, leave := range map[string]func(*Publisher[uint64]) error{
		"closed": (*Publisher[uint64]).Close,
		"died":   func(p *Publisher[uint64]) error { p.seg.close(); return nil }, // all that the kernel does
	} {
		t.Run(name, func(t *testing.T) { testCreateWhileTakenOver(t, leave) })
	}
}

func testCreateWhileTakenOver(t *testing.T, leave func(*Publisher[uint64]) error) {
	dir := t.TempDir()
	p, err := Create("t", uint64(1), InDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	p.words.pid.Store(1) // somebody else
	if err := leave(p); err != nil {
		t.Fatal(err)
	}
	successor, err := openSegment(dir+"/t", "t", publisherAccess)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := lockByte(successor.fd, publisherByte); !ok || err != nil {
		t.Fatalf("the publisher's byte: %v, %v", ok, err)
	}
	rivals := map[string]func(...Option) error{
		"Create": func(opts ...Option) error { _, err := Create("t", uint64(2), append(opts, InDir(dir))...); return err },
		"Remove": func(opts ...Option) error { return Remove("t", append(opts, InDir(dir))...) },
	}
	for name, try := range rivals {
		if err := try(Timeout(1)); !errors.Is(err, errBusy) {
			t.Errorf("%s before the successor has signed: %v, want that the name is changing hands", name, err)
		}
	}
	c, err := configure(nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := takeOver(successor, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = rivals["Create"]()
	var live *LiveError
	if !errors.As(err, &live) || live.PID == 1 {
		t.Errorf("Create after the successor has signed: %v, want a LiveError that names it", err)
	}
	if err := rivals["Remove"](); !errors.Is(err, ErrInUse) {
		t.Errorf("Remove after the successor has signed: %v, want %v", err, ErrInUse)
	}
	q.words.state.Store(stateClosed) // as Close does before it lets go
	if err := rivals["Create"](Timeout(1)); !errors.Is(err, errBusy) {
		t.Errorf("Create while the publisher closes: %v, want that the name is changing hands", err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
}
