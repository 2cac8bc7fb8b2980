//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// impatient is a timeout that any waiting at all exceeds.
const impatient = time.Nanosecond

// stoppedHolders starts n consumers that each hold another value; they are stopped (SIGSTOP).
func stoppedHolders(t *testing.T, dir string, p *shm.Publisher[[8]uint64], n int) (held []*child) {
	t.Helper()
	for i := range n {
		if i > 0 {
			must(t, p.WriteFrom(stamped[[8]uint64](p.TotalWrites()+1)))
		}
		h := spawn(t, "holder", dir)
		h.expect(fmt.Sprint("holds ", p.TotalWrites()))
		h.stop()
		held = append(held, h)
	}
	return held
}

func writeNext(p *shm.Publisher[[8]uint64]) error {
	return p.WriteFrom(stamped[[8]uint64](p.TotalWrites() + 1))
}

// wantHeld insists that a write failed because of these children. Slot 0 is the test's own.
func wantHeld(t *testing.T, err error, by ...*child) {
	t.Helper()
	var held *shm.HeldError
	if !errors.As(err, &held) || !errors.Is(err, shm.ErrTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("write under a stopped reader: %v, want a HeldError and a timeout", err)
	}
	var got, want []string
	for _, h := range held.Holders {
		got = append(got, fmt.Sprintf("slot %d PID %d", h.Slot, h.PID))
	}
	for i, c := range by {
		want = append(want, fmt.Sprintf("slot %d PID %d", i+1, c.pid()))
	}
	if !slices.Equal(got, want) {
		t.Errorf("held by %q, want %q", got, want)
	}
}

// With four buffers a publisher does not notice two stopped consumers that hold different
// values: it never waits. A third one is in its way, until it goes on or dies.
func TestStoppedConsumersManyBuffers(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), shm.Timeout(impatient))
	others := open[[8]uint64](t, dir)
	held := stoppedHolders(t, dir, p, 2)
	for range 10_000 {
		must(t, writeNext(p))
	}
	v, err := others.Read()
	must(t, err)
	verify(t, "what the others read", v[0], 10_002)

	third := spawn(t, "holder", dir)
	third.expect("holds 10002")
	third.stop()
	must(t, writeNext(p)) // the last free buffer
	wantHeld(t, writeNext(p), append(held, third)...)
	third.carryOn()
	third.send("unlock")
	third.expect("unlocked")
	must(t, writeNext(p))

	held[0].carryOn()
	held[0].send("unlock")
	held[0].expect("unlocked")
}

// With one buffer or two a stopped consumer is in the way, and the publisher says which. Once
// that goes on, or dies, so does the publisher.
func TestStoppedConsumerFewBuffers(t *testing.T) {
	for _, buffers := range []int{1, 2} {
		for _, how := range []string{"unlock", "kill"} {
			t.Run(fmt.Sprintf("buffers=%d/%s", buffers, how), func(t *testing.T) { testStoppedConsumer(t, buffers, how) })
		}
	}
}

func testStoppedConsumer(t *testing.T, buffers int, how string) {
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), shm.Buffers(buffers), shm.Timeout(50*time.Millisecond))
	others := open[[8]uint64](t, dir)
	h := stoppedHolders(t, dir, p, 1)[0]
	for range buffers - 1 {
		must(t, writeNext(p))
	}
	for range 3 {
		wantHeld(t, writeNext(p), h)
	}
	v, err := others.Read()
	must(t, err)
	verify(t, "what the others read", v[0], uint64(buffers))

	patient := make(chan error)
	g, err := p.Loan()
	wantHeld(t, err, h)
	go func() {
		var err error
		if g, err = p.LoanContext(t.Context()); err == nil {
			stamp(g.Value(), 7)
			err = g.Unlock()
		}
		patient <- err
	}()
	if how == "kill" {
		h.kill()
	} else {
		h.carryOn()
		h.send("unlock")
		h.end() // else it holds the lock again, for good, where that comes before the loan
	}
	must(t, <-patient)
	v, err = others.Read()
	must(t, err)
	verify(t, "what the others read at last", v[0], 7)
}
