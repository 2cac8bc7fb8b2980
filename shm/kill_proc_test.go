//go:build linux

package shm_test

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// A publisher is killed again and again while it writes. Consumers that never reopen see
// nothing torn (with one buffer they are told) and nothing twice, and each successor goes
// on where the dead one was.
func TestPublisherKilled(t *testing.T) {
	for _, buffers := range []int{1, 4} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) { testPublisherKilled(t, buffers) })
	}
}

func testPublisherKilled(t *testing.T, buffers int) {
	const size = 64 << 10 // most of the time is in the copy
	r := random(t)
	dir := t.TempDir()
	standby := func() *child { return spawn(t, "publisher", dir, size, buffers) }
	p := standby()
	p.send("create")
	p.expect("published 1 of 1")
	c := open[[8192]uint64](t, dir)
	var readers []*child
	for _, how := range []string{"read", "guard", "next"} {
		readers = append(readers, spawn(t, "reader", dir, size, how, map[bool]string{true: "torn"}[buffers == 1]))
	}
	for _, r := range readers {
		r.expect("open")
	}
	torn := 0
	v := new([8192]uint64)
	for range times(200) {
		next := standby() // starts while the other one writes
		p.send("write")
		pause(r, 5*time.Millisecond)
		p.kill()
		verify(t, "state after the kill", c.State(), shm.Died)

		last := c.Info().Number
		err := c.ReadInto(v)
		switch {
		case err == nil && (c.Info().Number < last || !whole(v, c.Info().Number)):
			t.Fatalf("after the kill: number %d after %d, %v", c.Info().Number, last, tornError(v, c.Info().Number))
		case buffers == 1 && errors.Is(err, shm.ErrTorn):
			torn++
		default:
			must(t, err)
		}
		s, err := shm.Stat("topic", shm.InDir(dir))
		must(t, err)

		p = next
		p.send("create")
		p.expect(fmt.Sprintf("published %d of 1", s.Number+1))
		must(t, c.ReadInto(v))
		if number := c.Info().Number; number != s.Number+1 || !whole(v, number) {
			t.Fatalf("after the restart: number %d, want %d, %v", number, s.Number+1, tornError(v, number))
		}
		total, err := c.TotalWrites()
		must(t, err)
		verify(t, "TotalWrites after the restart", total, 1)
		verify(t, "state after the restart", c.State(), shm.Alive)
	}
	for _, r := range readers {
		r.expect("sees changes")
		r.end()
		t.Logf("%s: %s", r.cmd.Args[len(r.cmd.Args)-2], r.hear())
		r.finish()
	}
	t.Logf("%d publications; %d of %d kills left a torn value", c.Info().Number, torn, times(200))
}

// A publisher is killed while it creates the topic or takes it over. There is no half
// topic, and the next publisher goes on.
func TestPublisherKilledInCreate(t *testing.T) {
	for _, buffers := range []int{1, 4} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) { testPublisherKilledInCreate(t, buffers) })
	}
}

func testPublisherKilledInCreate(t *testing.T, buffers int) {
	const size = 64 << 10
	r := random(t)
	dir := t.TempDir()
	next := spawn(t, "publisher", dir, size, buffers)
	published := 0
	for range times(100) {
		p := next
		next = spawn(t, "publisher", dir, size, buffers)
		p.send("create")
		pause(r, 2*time.Millisecond)
		p.kill()
		c, err := shm.Open[[8192]uint64]("topic", shm.InDir(dir))
		if reason(err) == "not exist" && published == 0 {
			continue
		}
		must(t, err)
		verify(t, "state", c.State(), shm.Died)
		v, err := c.Read()
		number := int(c.Info().Number)
		switch {
		case err == nil && (number < published || !whole(&v, uint64(number))):
			t.Fatalf("number %d after %d, %v", number, published, tornError(&v, uint64(number)))
		case buffers == 1 && errors.Is(err, shm.ErrTorn):
		default:
			must(t, err)
			published = number
		}
		must(t, c.Close())
	}
	next.send("create")
	number, total := 0, 0
	next.hearf("published %d of %d", &number, &total)
	if number <= published || total != 1 {
		t.Errorf("the last one says: number %d, after %d, %d writes", number, published, total)
	}
	t.Logf("%d publishers came as far as their first value", published)
	verify(t, "files in the directory", len(list(t, dir)), 1)
}

func list(t testing.TB, dir string) []shm.Status {
	t.Helper()
	all, err := shm.List(shm.InDir(dir))
	must(t, err)
	return all
}

func init() {
	helpers["holder"] = hold
	helpers["churner"] = churn
}

// hold takes a guard, says so, and unlocks when it is told to; args: directory. Then it takes
// the next one.
func hold(a *actor) {
	c := open[[8]uint64](a, a.args[0], shm.Timeout(patience))
	for !a.over.Load() {
		g, err := c.RLock()
		must(a, err)
		a.say("holds %d", g.Value()[0])
		a.hear()
		must(a, g.Unlock())
		a.say("unlocked")
	}
}

// churn takes a guard and gives it back as fast as it can; args: directory.
func churn(a *actor) {
	c := open[[8]uint64](a, a.args[0], shm.Timeout(patience))
	a.say("churns")
	for !a.over.Load() {
		g, err := c.RLock()
		must(a, err)
		must(a, g.Unlock())
	}
}

// Consumers are killed while they hold a guard, or take it or give it back. No write fails
// or waits for longer than its deadline, and the slots of the dead are used again.
func TestConsumerKilled(t *testing.T) {
	for _, buffers := range []int{1, 2, 4} {
		t.Run(fmt.Sprint("buffers=", buffers), func(t *testing.T) { testConsumerKilled(t, buffers) })
	}
}

func testConsumerKilled(t *testing.T, buffers int) {
	r := random(t)
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), shm.Buffers(buffers), shm.Slots(4), shm.Timeout(patience))
	stop, ended := make(chan struct{}), make(chan error, 1)
	halt := sync.OnceValue(func() error {
		close(stop)
		return <-ended
	})
	t.Cleanup(func() { _ = halt() }) // before p is closed
	var writes int
	var longest time.Duration
	go func() {
		v := new([8]uint64)
		for number := uint64(2); ; number++ {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			stamp(v, number)
			start := time.Now()
			if err := p.WriteFrom(v); err != nil {
				ended <- err
				return
			}
			longest = max(longest, time.Since(start))
			writes++
		}
	}()
	victim := func(i int) *child {
		return spawn(t, []string{"holder", "churner"}[i%2], dir)
	}
	v := victim(0)
	for i := range times(200) {
		next := victim(i + 1)
		v.hear() // it holds a guard, or churns
		pause(r, 2*time.Millisecond)
		v.kill()
		v = next
	}
	v.kill()
	must(t, halt())
	t.Logf("%d writes, the longest took %v", writes, longest)
	s, err := shm.Stat("topic", shm.InDir(dir))
	must(t, err)
	verify(t, "consumers that are left", len(s.Consumers), 0)
	verify(t, "writes", strconv.FormatUint(s.Number, 10), strconv.Itoa(writes+1))
}
