package checks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/hwtest/internal/suite"
	"github.com/tism-go/tism/shm"
)

// Processes die at any instruction, or stand still, and the others carry on.

var killTests = []suite.Test{
	{
		Name: "kill/publisher/buffers=1", About: "a publisher is killed while it writes: consumers are told a torn value, the successor carries on", Time: 5 * time.Second,
		Run: func(t *suite.T) { killPublisher(t, 1) },
	},
	{
		Name: "kill/publisher/buffers=4", About: "a publisher is killed while it writes: nothing that was published is lost, the successor carries on", Time: 5 * time.Second,
		Run: func(t *suite.T) { killPublisher(t, 4) },
	},
	{
		Name: "kill/consumer/buffers=1", About: "consumers are killed while they hold the lock: the publisher goes on", Time: 4 * time.Second,
		Run: func(t *suite.T) { killConsumers(t, 1) },
	},
	{
		Name: "kill/consumer/buffers=2", About: "consumers are killed while they hold a guard: the publisher goes on", Time: 4 * time.Second,
		Run: func(t *suite.T) { killConsumers(t, 2) },
	},
	{Name: "stop/consumer/buffers=4", About: "two stopped consumers with guards do not slow the publisher down", Run: stopManyBuffers},
	{Name: "stop/consumer/buffers=1", About: "a stopped consumer with the lock: the publisher gives up in time, names it, and goes on when that goes on", Run: func(t *suite.T) { stopOneBuffer(t) }},
}

func init() {
	proc.Role("holder", hold)
	proc.Role("churner", churn)
}

// randomFrom returns a source of chance whose seed is told, so that a failed run can be looked at again.
func randomFrom(t *suite.T) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Notef("seed of the random pauses: %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// pause decides when a victim is killed, not whether a test passes.
func pause(r *rand.Rand, most time.Duration) { time.Sleep(time.Duration(r.Int64N(int64(most)))) }

func killPublisher(t *suite.T, buffers int) {
	const size = large // most of the time is in the copy
	r := randomFrom(t)
	dir := t.TempDir()
	standby := func() *proc.Child {
		p, err := proc.Start("publisher", []any{dir, size, buffers})
		t.Must(err)
		t.Cleanup(p.Kill)
		return p
	}
	p := standby()
	p.Send("create")
	t.Must(p.Expect("published 1 of 1"))
	c, err := shm.Open[[8192]uint64](topic, shm.InDir(dir), shm.Timeout(patience))
	t.Must(err)
	defer c.Close()
	bear := map[bool]string{true: "torn"}[buffers == 1]
	var crew []*proc.Child
	for _, how := range []string{"read", "guard"} {
		reader, err := proc.Start("reader", []any{dir, size, how, bear})
		t.Must(err)
		t.Cleanup(reader.Kill)
		t.Must(reader.Expect("open"))
		crew = append(crew, reader)
	}
	kills, torn := 0, 0
	var recovery time.Duration
	for start := time.Now(); kills < 3 || time.Since(start) < t.Budget(); kills++ {
		next := standby() // starts while the other one writes
		p.Send("write")
		pause(r, 5*time.Millisecond)
		p.Kill()
		if s := c.State(); s != shm.Died {
			t.Fatalf("after the kill the publisher is %v", s)
		}
		if afterKill(t, c, buffers) {
			torn++
		}
		s, err := shm.Stat(topic, shm.InDir(dir))
		t.Must(err)
		p = next
		began := time.Now()
		p.Send("create")
		t.Must(p.Expect(fmt.Sprintf("published %d of 1", s.Number+1)))
		t.Must(read1(c))
		recovery = max(recovery, time.Since(began))
		if n := c.Info().Number; n != s.Number+1 {
			t.Fatalf("after the restart: number %d, want %d", n, s.Number+1)
		}
		if s := c.State(); s != shm.Alive {
			t.Fatalf("after the restart the publisher is %v", s)
		}
	}
	for _, reader := range crew {
		t.Must(reader.Expect("sees changes"))
		finishReader(t, reader)
	}
	t.Count("kills", kills)
	if buffers == 1 {
		t.Count("torn and told so", torn)
	}
	t.Figure("longest takeover", float64(recovery), "ns", report.Lower)
}

func read1(c *shm.Consumer[[8192]uint64]) error {
	v, err := c.Read()
	if err != nil {
		return err
	}
	return whole(&v, c.Info().Number)
}

// afterKill reads what the dead publisher left, and reports whether it is torn.
func afterKill(t *suite.T, c *shm.Consumer[[8192]uint64], buffers int) bool {
	last := c.Info().Number
	err := read1(c)
	if buffers == 1 && errors.Is(err, shm.ErrTorn) {
		return true
	}
	t.Must(err)
	if n := c.Info().Number; n < last {
		t.Fatalf("after the kill: number %d after %d", n, last)
	}
	return false
}

// hold takes a guard, says so, and unlocks when it is told to. Argument: directory.
func hold(a *proc.Actor) error {
	c, err := shm.Open[[8]uint64](topic, shm.InDir(a.Args[0]), shm.Timeout(patience))
	if err != nil {
		return err
	}
	g, err := c.RLock()
	if err != nil {
		return err
	}
	a.Say("holds %d", g.Value()[0])
	a.Hear()
	if err := errors.Join(whole(g.Value(), g.Info().Number), g.Unlock()); err != nil {
		return err
	}
	a.Say("unlocked")
	a.Hear()
	return nil
}

// churn takes a guard and gives it back as fast as it can. Argument: directory.
func churn(a *proc.Actor) error {
	c, err := shm.Open[[8]uint64](topic, shm.InDir(a.Args[0]), shm.Timeout(patience))
	if err != nil {
		return err
	}
	a.Say("churns")
	for !a.Over() {
		g, err := c.RLock()
		if err != nil {
			return err
		}
		if err := g.Unlock(); err != nil {
			return err
		}
	}
	return nil
}

// A writer publishes as fast as it can on a goroutine.
type writer struct {
	stop, ended chan struct{}
	err         error
	writes      uint64
	longest     time.Duration
}

func startWriter(p *shm.Publisher[[8]uint64]) *writer {
	w := &writer{stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		v := new([8]uint64)
		for {
			select {
			case <-w.stop:
				return
			default:
			}
			stamp(v, p.TotalWrites()+1)
			start := time.Now()
			if w.err = p.WriteFrom(v); w.err != nil {
				return
			}
			w.longest = max(w.longest, time.Since(start))
			w.writes++
		}
	}()
	return w
}

func (w *writer) halt() error {
	close(w.stop)
	<-w.ended
	return w.err
}

func killConsumers(t *suite.T, buffers int) {
	r := randomFrom(t)
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir), shm.Buffers(buffers), shm.Slots(4), shm.Timeout(patience))
	t.Must(err)
	defer p.Close()
	w := startWriter(p)
	victim := func(i int) *proc.Child {
		c, err := proc.Start([]string{"holder", "churner"}[i%2], []any{dir})
		t.Must(err)
		t.Cleanup(c.Kill)
		return c
	}
	kills := 0
	v := victim(0)
	for start := time.Now(); kills < 4 || time.Since(start) < t.Budget(); kills++ {
		next := victim(kills + 1)
		_, err := v.Hear() // it holds a guard, or churns
		t.Must(err)
		pause(r, 2*time.Millisecond)
		v.Kill()
		v = next
	}
	v.Kill()
	t.Must(w.halt())
	s, err := shm.Stat(topic, shm.InDir(dir))
	t.Must(err)
	if len(s.Consumers) != 0 {
		t.Errorf("%d dead consumers still count", len(s.Consumers))
	}
	if s.Number != w.writes+1 {
		t.Errorf("%d writes, the topic says %d", w.writes+1, s.Number)
	}
	t.Count("kills", kills)
	t.Figure("longest write", float64(w.longest), "ns", report.Lower)
}

// stoppedHolder starts a consumer that holds the newest value and stands still.
func stoppedHolder(t *suite.T, dir string, p *shm.Publisher[[8]uint64], opts ...proc.Option) *proc.Child {
	h, err := proc.Start("holder", []any{dir}, opts...)
	t.Must(err)
	t.Cleanup(h.Kill)
	t.Must(h.Expect(fmt.Sprint("holds ", p.TotalWrites())))
	t.Must(h.Stop())
	return h
}

func writeNext(p *shm.Publisher[[8]uint64]) error {
	return p.WriteFrom(stamped[[8]uint64](p.TotalWrites() + 1))
}

// release lets a stopped holder go on and give its guard back, which must still be whole.
func release(t *suite.T, h *proc.Child) {
	t.Must(h.Continue())
	h.Send("unlock")
	t.Must(h.Expect("unlocked"))
}

func stopManyBuffers(t *suite.T) {
	const impatient = time.Nanosecond // any waiting at all exceeds it
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir), shm.Timeout(impatient))
	t.Must(err)
	defer p.Close()
	first := stoppedHolder(t, dir, p)
	t.Must(writeNext(p))
	second := stoppedHolder(t, dir, p)
	for range 10_000 {
		t.Must(writeNext(p))
	}
	release(t, first)
	release(t, second)
	t.Count("writes past them", 10_000)
}

func stopOneBuffer(t *suite.T, opts ...proc.Option) {
	const timeout = 50 * time.Millisecond
	dir := t.TempDir()
	p, err := shm.Create(topic, *stamped[[8]uint64](1), shm.InDir(dir), shm.Buffers(1), shm.Timeout(timeout))
	t.Must(err)
	defer p.Close()
	h := stoppedHolder(t, dir, p, opts...)
	start := time.Now()
	err = writeNext(p)
	gaveUp := time.Since(start)
	var held *shm.HeldError
	if !errors.As(err, &held) || !errors.Is(err, shm.ErrTimeout) || len(held.Holders) != 1 {
		t.Fatalf("writing under a stopped reader: %v, want a HeldError that names it", err)
	}
	if held.Holders[0].PID != h.PID() {
		t.Errorf("held by PID %d, want %d", held.Holders[0].PID, h.PID())
	}
	if gaveUp < timeout {
		t.Errorf("the publisher gave up after %v of %v", gaveUp, timeout)
	}
	release(t, h)
	t.Must(writeNext(p))
	t.Figure(fmt.Sprintf("gave up (limit %v) after", timeout), float64(gaveUp), "ns", report.Lower)
}
