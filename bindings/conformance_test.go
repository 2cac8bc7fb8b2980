//go:build linux

package bindings_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests that every language passes with every other, publisher and consumer in
// processes of their own.

// forTopics runs a test for each pair, kind of value and number of buffers.
func forTopics(t *testing.T, f func(t *testing.T, p pair, kind string, buffers int)) {
	forPairs(t, func(t *testing.T, p pair, _ string) {
		for _, kind := range []string{"sample", "bytes"} {
			for _, buffers := range []int{1, 4} {
				t.Run(fmt.Sprintf("%s/%d", kind, buffers), func(t *testing.T) { f(t, p, kind, buffers) })
			}
		}
	})
}

func TestPublishAndRead(t *testing.T) {
	forTopics(t, func(t *testing.T, p pair, kind string, buffers int) {
		dir := t.TempDir()
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		sub.want("error not-exist", "open now %s topic", kind)
		pub.ok("create new %s topic %d 7", kind, buffers)
		sub.ok("open now %s topic", kind)
		if a, b := pub.ask("descriptor"), sub.ask("descriptor"); a != b {
			t.Errorf("descriptors\n%s\n%s", a, b)
		}
		sub.want("ok alive", "state")
		sub.want("ok 1", "changed")
		sub.want("ok 7 0", "read")
		sub.want("ok 0", "changed")
		for n := 8; n < 100; n++ {
			pub.ok("write %d", n)
			sub.want(fmt.Sprintf("ok %d 0", n), "%s", []string{"read", "next", "rlock"}[n%3])
			if n%3 == 2 {
				sub.ok("runlock")
			}
		}
		pub.ok("write 100")
		pub.ok("write 101")
		pub.ok("write 102")
		sub.want("ok 102 2", "read")
		pub.want("ok 96 0", "writes")
		sub.want("ok 0 96", "writes")

		sub.send("next")
		pub.ok("write 103")
		if got := sub.answer(); got != "ok 103 0" {
			t.Errorf("next: %q", got)
		}
		sub.send("next")
		pub.ok("close")
		if got := sub.answer(); got != "error over" {
			t.Errorf("next of a closed topic: %q", got)
		}
		sub.want("ok closed", "state")
		sub.want("ok 103 0", "read")
		pub.end()
		sub.end()
	})
}

// A guard keeps its value: the publisher goes on around it, or gives up with one buffer.
func TestGuardHeld(t *testing.T) {
	forTopics(t, func(t *testing.T, p pair, kind string, buffers int) {
		dir := t.TempDir()
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		pub.ok("create hasty %s topic %d 1", kind, buffers)
		sub.ok("open now %s topic", kind)
		sub.want("ok 1 0", "rlock")
		if buffers > 1 {
			for n := 2; n < 10; n++ {
				pub.ok("write %d", n)
			}
			sub.want("ok 9 7", "read")
		} else {
			pub.want("error timeout", "write 9")
			sub.want("ok 1 0", "read")
		}
		sub.ok("runlock")
		pub.ok("write 10")
		if got := sub.ask("next"); !strings.HasPrefix(got, "ok 10 ") {
			t.Errorf("next: %q", got)
		}
	})
}

func TestWaitOpen(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair, dir string) {
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		sub.send("open wait sample topic")
		pub.ok("create new sample topic 4 7")
		if got := sub.answer(); got != "ok" {
			t.Fatalf("open: %q", got)
		}
		sub.want("ok 7 0", "read")
		pub.ok("close")
		sub.ok("leave")
		sub.want("error over", "open now sample topic")
		sub.send("open wait sample topic") // a closed topic is waited out
		pub.ok("create new sample topic 4 8")
		if got := sub.answer(); got != "ok" {
			t.Fatalf("open: %q", got)
		}
		sub.want("ok 8 0", "read")
	})
}

// A publisher is killed and one in another language takes over.
func TestHotRestart(t *testing.T) {
	forTopics(t, func(t *testing.T, p pair, kind string, buffers int) {
		dir := t.TempDir()
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		heir := p.sub.start(t, dir, nil)
		pub.ok("create new %s topic %d 1", kind, buffers)
		pub.ok("write 2")
		sub.ok("open now %s topic", kind)
		sub.want("ok 2 0", "read")
		heir.want("error live", "create new %s topic %d 3", kind, buffers)
		pub.kill()
		sub.want("ok died", "state")
		sub.want("ok 2 0", "read")
		sub.send("next")
		heir.ok("create resume %s topic %d 3", kind, buffers)
		heir.want("ok 0 0", "writes")
		heir.ok("write 4")
		if got := sub.answer(); got != "ok 4 0" {
			t.Fatalf("next after the takeover: %q", got)
		}
		sub.want("ok alive", "state")

		// And back again, with a new first value.
		heir.kill()
		pub = p.pub.start(t, dir, nil)
		pub.ok("create new %s topic %d 5", kind, buffers)
		pub.want("ok 1 0", "writes")
		sub.want("ok 5 0", "next")
		sub.want("ok 0 1", "writes")

		// Replaced by force.
		heir = p.sub.start(t, dir, nil)
		heir.ok("create replace %s topic %d 6", kind, buffers)
		sub.want("ok replaced", "state")
		sub.want("error over", "read")
		sub.want("error over", "next")
		pub.want("error over", "write 7")
		sub.ok("leave")
		sub.ok("open now %s topic", kind)
		sub.want("ok 6 0", "read")
		heir.ok("remove")
		sub.want("error over", "read")
		sub.ok("leave")
		sub.want("error not-exist", "open now %s topic", kind)
		sub.end()
	})
}

// Somebody has just taken over from a publisher that was killed, and has not said yet who it is:
// a rival is not told of the dead one.
func TestCreateWhileTakenOver(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair, dir string) {
		pub, rival := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		pub.ok("create new sample topic 4 1")
		pub.kill()
		successor, err := os.OpenFile(filepath.Join(dir, "topic"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer successor.Close()
		take := func(at int64) {
			t.Helper()
			role := unix.Flock_t{Type: unix.F_WRLCK, Start: at, Len: 1}
			if err := unix.FcntlFlock(successor.Fd(), unix.F_OFD_SETLK, &role); err != nil {
				t.Fatal(err)
			}
		}
		take(1 << 30)
		if got := rival.ask("create new sample topic 4 2"); !strings.HasPrefix(got, "error ") || got == "error live" {
			t.Errorf("create before the successor has signed: %q", got)
		}
		take(1<<30 - 2)
		rival.want("error live", "create new sample topic 4 2")
		// Closing it would not be enough: a child that another test has just forked may have a copy.
		dead := unix.Flock_t{Type: unix.F_UNLCK}
		if err := unix.FcntlFlock(successor.Fd(), unix.F_OFD_SETLK, &dead); err != nil {
			t.Fatal(err)
		}
		rival.ok("create new sample topic 4 2")
	})
}

// A publisher is killed inside its write lock.
func TestKilledWriter(t *testing.T) {
	forTopics(t, func(t *testing.T, p pair, kind string, buffers int) {
		dir := t.TempDir()
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		pub.ok("create new %s topic %d 1", kind, buffers)
		sub.ok("open patient %s topic", kind)
		pub.ok("lock 2")
		if buffers == 1 {
			sub.send("rlock") // sleeps until the publisher is found dead
		}
		pub.kill()
		heir := p.sub.start(t, dir, nil)
		if buffers > 1 {
			sub.want("ok 1 0", "rlock")
			sub.ok("runlock")
			sub.want("ok 1 0", "read")
			heir.ok("create resume %s topic %d 9", kind, buffers)
			sub.want("ok 1 0", "read")
		} else {
			if got := sub.answer(); got != "error torn" {
				t.Fatalf("rlock: %q", got)
			}
			sub.want("error torn", "read")
			heir.want("error torn", "create resume %s topic %d 9", kind, buffers)
			heir.ok("create new %s topic %d 3", kind, buffers)
			sub.want("ok 3 0", "read")
			sub.want("ok 3 0", "rlock")
			sub.ok("runlock")
		}
		heir.ok("write 4")
		if got := sub.ask("next"); !strings.HasPrefix(got, "ok 4 ") {
			t.Errorf("next: %q", got)
		}
	})
}

// A publisher is killed while it waits for a reader to leave the one buffer. Its successor
// opens the lock again, though it has nothing to write.
func TestKilledWhileClosed(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair, dir string) {
		pub, heir := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		holder, waiter := p.sub.start(t, dir, nil), p.pub.start(t, dir, nil)
		pub.ok("create patient sample topic 1 1")
		holder.ok("open now sample topic")
		waiter.ok("open patient sample topic")
		holder.want("ok 1 0", "rlock")
		pub.send("write 2")
		awaitWord(t, dir, 65536, func(w uint32) bool { return w&3 == 1 }) // closed
		waiter.send("rlock")
		awaitWord(t, dir, 131072+128+64, func(w uint32) bool { return w&3 == 2 }) // waits
		pub.kill()
		heir.ok("create resume sample topic 1 9")
		if got := waiter.answer(); got != "ok 1 0" {
			t.Errorf("rlock: %q", got)
		}
		waiter.ok("runlock")
		holder.ok("runlock")
		heir.ok("write 3")
		waiter.want("ok 3 0", "read")
	})
}

// awaitWord waits until a word of the topic's file is as it should be.
func awaitWord(t *testing.T, dir string, at int64, is func(uint32) bool) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 4)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, err := f.ReadAt(b, at); err != nil {
			t.Fatal(err)
		}
		if is(binary.LittleEndian.Uint32(b)) {
			return
		}
	}
	t.Fatalf("the word at %d stays %#x", at, b)
}

// A consumer is killed while it holds a guard.
func TestKilledReader(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair, _ string) {
		for _, buffers := range []int{1, 2, 4} {
			t.Run(fmt.Sprint(buffers), func(t *testing.T) {
				dir := t.TempDir()
				pub := p.pub.start(t, dir, nil)
				pub.ok("create patient sample topic %d 0", buffers)
				deaths := 2
				if all {
					deaths = 5
				}
				for n := 1; n <= deaths; n++ {
					sub := p.sub.start(t, dir, nil)
					sub.ok("open now sample topic")
					if got := sub.ask("rlock"); !strings.HasPrefix(got, "ok ") {
						t.Fatalf("rlock: %q", got)
					}
					if buffers == 1 {
						pub.send("write %d", n) // sleeps until the reader is found dead
						sub.kill()
						if got := pub.answer(); got != "ok" {
							t.Fatalf("write: %q", got)
						}
					} else {
						pub.ok("write %d", n)
						sub.kill()
					}
					for m := range 3 {
						pub.ok("write %d", 10*n+m)
					}
				}
			})
		}
	})
}

func TestMemfd(t *testing.T) {
	forTopics(t, func(t *testing.T, p pair, kind string, buffers int) {
		dir := t.TempDir()
		a, b := socketPair(t)
		pub, sub := p.pub.start(t, dir, a), p.sub.start(t, dir, b)
		pub.ok("create memfd %s topic %d 1", kind, buffers)
		pub.ok("send")
		sub.ok("receive %s", kind)
		sub.want("ok 1 0", "read")
		pub.ok("write 2")
		sub.want("ok 2 0", "next")
		sub.want("ok 2 0", "rlock")
		sub.ok("runlock")
		sub.want("ok alive", "state")
		sub.send("next")
		pub.ok("write 3")
		if got := sub.answer(); got != "ok 3 0" {
			t.Errorf("next: %q", got)
		}
		sub.send("next")
		pub.kill()
		if got := sub.answer(); got != "error over" { // for there can be no successor
			t.Errorf("next after the kill: %q", got)
		}
		sub.want("ok died", "state")
		sub.want("ok 3 0", "read")
		if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
			t.Errorf("a memfd left %v, %v", files, err)
		}
	})
}

// At full speed nobody sees half a value, nor one older than the last.
func TestTornValues(t *testing.T) {
	ms := 30
	if all {
		ms = 150
	}
	forPairs(t, func(t *testing.T, p pair, _ string) {
		for _, buffers := range []int{1, 2, 4} {
			for _, how := range []string{"patient copy", "patient guards", "reader copy"} {
				open, verify, _ := strings.Cut(how, " ")
				t.Run(fmt.Sprintf("%d/%s", buffers, strings.ReplaceAll(how, " ", "-")), func(t *testing.T) {
					dir := t.TempDir()
					pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
					pub.ok("create patient big topic %d 0", buffers)
					sub.ok("open %s big topic", open)
					pub.send("blast 1 %d", ms)
					sub.send("verify %s %d", verify, ms)
					read, written := sub.count(), pub.count()
					if written == 0 {
						t.Error("nothing was written")
					}
					// A single core may schedule a reader only while it loses.
					if read == 0 && open != "reader" {
						t.Error("nothing was read")
					}
					sub.end()
					pub.end()
				})
			}
		}
	})
}

func TestMismatch(t *testing.T) {
	forPairs(t, func(t *testing.T, p pair, dir string) {
		pub, sub := p.pub.start(t, dir, nil), p.sub.start(t, dir, nil)
		pub.ok("create new sample topic 4 1")
		sub.want("error type", "open now big topic")
		sub.ok("open now bytes topic") // any topic is bytes
		sub.ok("leave")
		pub.ok("close")
		// Another type takes the name over once its publisher is gone.
		pub.ok("create new big topic 4 1")
		sub.want("error type", "open now sample topic")

		path := filepath.Join(dir, "topic")
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for at, name := range map[int64]string{8: "version", 0: "not-topic", 48: "not-topic", 140: "not-topic"} {
			was := make([]byte, 1)
			if _, err := f.ReadAt(was, at); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{was[0] ^ 0x80}, at); err != nil {
				t.Fatal(err)
			}
			sub.want("error "+name, "open now big topic")
			if _, err := f.WriteAt(was, at); err != nil {
				t.Fatal(err)
			}
		}
		sub.ok("open now big topic")
	})
}
