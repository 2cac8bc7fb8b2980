package codec_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// TestConformance runs one suite over all kinds of topics and every number of buffers.
func TestConformance(t *testing.T) {
	for n := 1; n <= shm.MaxBuffers; n++ {
		if testing.Short() && n > 3 && n < shm.MaxBuffers {
			continue // they differ by a number only
		}
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			conform(t, structKind, n)
			conform(t, bytesKind, n)
			conform(t, msgpackKind, n)
			conform(t, inPlaceKind, n)
		})
	}
}

// A suite tests one kind with one number of buffers.
type suite[T any] struct {
	kind[T]
	buffers int
}

func conform[T any](t *testing.T, k kind[T], buffers int) {
	s := suite[T]{k, buffers}
	for name, test := range map[string]func(*testing.T){
		"read":     s.testRead,
		"locked":   s.testLocked,
		"typed":    s.testTyped,
		"wait":     s.testWait,
		"closed":   s.testClosed,
		"clone":    s.testClone,
		"held":     s.testHeld,
		"discard":  s.testDiscard,
		"oversize": s.testOversize,
		"lazy":     s.testLazy,
		"readonly": s.testReadOnly,
		"waitopen": s.testWaitOpen,
		"waitany":  s.testWaitAny,
		"memfd":    s.testMemfd,
		"restart":  s.testRestart,
		"replaced": s.testReplaced,
		"killed":   s.testKilledPublisher,
		"holder":   s.testKilledHolder,
	} {
		t.Run(s.name+"/"+name, test)
	}
}

// topic creates a topic with the value 1 in a directory of its own and opens it.
func (s suite[T]) topic(t *testing.T, opts ...shm.Option) (publisher[T], consumer[T], []shm.Option) {
	t.Helper()
	opts = append([]shm.Option{shm.InDir(t.TempDir()), shm.Buffers(s.buffers)}, opts...)
	p, err := s.create("topic", s.make(1), opts...)
	closing(t, p, err)
	c, err := s.open("topic", opts...)
	closing(t, c, err)
	return p, c, opts
}

// wantRead reads and checks what it gets.
func (s suite[T]) wantRead(t *testing.T, c consumer[T], want uint64) {
	t.Helper()
	v, err := c.Read()
	must(t, err)
	s.wantValue(t, v, want)
}

func (s suite[T]) wantValue(t *testing.T, v T, want uint64) {
	t.Helper()
	got, err := s.number(v)
	must(t, err)
	check(t, "value", got, want)
}

func (s suite[T]) testRead(t *testing.T) {
	p, c, _ := s.topic(t)
	check(t, "name", c.Name(), p.Name())
	check(t, "type", c.Type().String(), p.Type().String())
	check(t, "size", c.Size(), p.Size())
	if _, ok := c.Staleness(); ok || c.Info() != (shm.Info{}) || !c.HasChanged() {
		t.Error("a handle that never read has staleness, info or no news")
	}
	for n := uint64(1); n < 40; n++ {
		s.wantRead(t, c, n)
		check(t, "number", c.Info().Number, n)
		check(t, "missed", c.Info().Missed, 0)
		check(t, "news after reading", c.HasChanged(), false)
		_, changed, err := c.ReadChange()
		must(t, err)
		check(t, "changed", changed, false)
		total, err := c.TotalWrites()
		must(t, err)
		check(t, "total", total, n)
		check(t, "publisher's total", p.TotalWrites(), n)
		must(t, p.Write(s.make(n+1)))
		check(t, "news", c.HasChanged(), true)
	}
	must(t, p.WriteAt(s.make(41), shm.Now().Add(-time.Hour)))
	must(t, p.WriteAt(s.make(42), shm.Now().Add(-time.Hour)))
	v, changed, err := c.ReadChange()
	must(t, err)
	check(t, "changed", changed, true)
	s.wantValue(t, v, 42)
	check(t, "missed", c.Info().Missed, 2)
	if age, ok := c.Staleness(); !ok || age < time.Hour || age > time.Hour+patience {
		t.Errorf("staleness = %v, %v", age, ok)
	}
	own, err := p.Read()
	must(t, err)
	s.wantValue(t, own, 42)
}

// testLocked: whoever only asks for news does not wait for a publisher that holds its
// guard.
func (s suite[T]) testLocked(t *testing.T) {
	p, c, _ := s.topic(t, shm.Timeout(2*patience))
	s.wantRead(t, c, 1)
	g, err := s.lock(p)
	must(t, err)
	asked := make(chan error)
	go func() {
		_, changed, err := c.ReadChange()
		if changed {
			err = errors.Join(err, errors.New("changed under the lock"))
		}
		asked <- err
	}()
	select {
	case err := <-asked:
		must(t, err)
		must(t, g.Unlock())
	case <-time.After(patience):
		must(t, g.Unlock())
		t.Errorf("ReadChange waited for the lock: %v", <-asked)
	}
}

// testTyped tests what byte topics have not.
func (s suite[T]) testTyped(t *testing.T) {
	plain, reader, _ := s.topic(t)
	p, ok := plain.(typedPublisher[T])
	c, also := reader.(typedConsumer[T])
	check(t, "typed consumer", also, ok)
	if !ok {
		return
	}
	v := s.make(2)
	must(t, p.WriteFrom(&v))
	var got T
	must(t, c.ReadInto(&got))
	s.wantValue(t, got, 2)

	must(t, p.Update(func(v *T) {
		s.wantValue(t, *v, 2)
		*v = s.make(3)
	}))
	u, err := c.NextTimeout(patience)
	must(t, err)
	s.wantValue(t, u.Value, 3)
	check(t, "update's number", u.Number, 3)
	_, err = c.NextTimeout(time.Millisecond)
	wantErr(t, "NextTimeout", err, shm.ErrTimeout)
	wantErr(t, "NextTimeout", err, context.DeadlineExceeded)

	v = s.make(4)
	must(t, p.WriteFromAt(&v, shm.Now().Add(-time.Hour)))
	info, err := c.NextInto(t.Context(), &got)
	must(t, err)
	s.wantValue(t, got, 4)
	check(t, "info", info, c.Info())

	wantErr(t, "ReadInto(nil)", c.ReadInto(nil), shm.ErrNil)
	wantErr(t, "WriteFrom(nil)", p.WriteFrom(nil), shm.ErrNil)
	must(t, p.Close())
	wantErr(t, "Update after Close", p.Update(func(*T) {}), shm.ErrHandle)
}

func (s suite[T]) testWait(t *testing.T) {
	p, c, _ := s.topic(t)
	s.wantRead(t, c, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Next(ctx)
	wantErr(t, "Next", err, context.Canceled)
	wantErr(t, "Wait", c.Wait(ctx), context.Canceled)

	// Each answers the other, so every value has a reader that sleeps or is about to.
	const last = 40
	read := make(chan uint64)
	failed := make(chan error, 1)
	go func() {
		defer close(read)
		for u, err := range c.Updates(soon(t)) {
			n, bad := s.number(u.Value)
			if err = errors.Join(err, bad); err != nil {
				failed <- err
				return
			}
			if read <- n; n == last {
				return
			}
		}
	}()
	for n := uint64(2); n <= last; n++ {
		must(t, p.Write(s.make(n)))
		got, ok := <-read
		if !ok {
			t.Fatal(<-failed)
		}
		check(t, "update", got, n)
	}
	<-read
	check(t, "missed", c.Info().Missed, 0)
}

func (s suite[T]) testClosed(t *testing.T) {
	p, c, opts := s.topic(t)
	check(t, "state", c.State(), shm.Alive)
	must(t, c.WaitPublisher(t.Context()))
	must(t, p.Write(s.make(2)))
	must(t, p.Close())
	wantErr(t, "second Close", p.Close(), shm.ErrHandle)
	wantErr(t, "Write after Close", p.Write(s.make(3)), shm.ErrHandle)
	_, err := p.Read()
	wantErr(t, "publisher's Read after Close", err, shm.ErrHandle)

	check(t, "state", c.State(), shm.Closed)
	u, err := c.Next(soon(t))
	must(t, err)
	s.wantValue(t, u.Value, 2)
	_, err = c.Next(soon(t))
	wantErr(t, "Next", err, shm.ErrClosed)
	s.wantRead(t, c, 2)

	_, err = s.open("topic", opts...)
	wantErr(t, "Open of a closed topic", err, shm.ErrClosed)
	late, err := s.open("topic", append(opts, shm.AllowClosed())...)
	closing(t, late, err)
	s.wantRead(t, late, 2)

	must(t, c.Close())
	wantErr(t, "second Close", c.Close(), shm.ErrHandle)
	_, err = c.Read()
	wantErr(t, "Read after Close", err, shm.ErrHandle)
	_, _, err = c.ReadChange()
	wantErr(t, "ReadChange after Close", err, shm.ErrHandle)
	_, err = s.clone(c)
	wantErr(t, "Clone after Close", err, shm.ErrHandle)
}

func (s suite[T]) testClone(t *testing.T) {
	p, c, _ := s.topic(t)
	s.wantRead(t, c, 1)
	d, err := s.clone(c)
	closing(t, d, err)
	check(t, "news for the clone of a handle that has read", d.HasChanged(), false)
	must(t, p.Write(s.make(2)))
	s.wantRead(t, d, 2)
	check(t, "news for the other", c.HasChanged(), true)
	must(t, c.Close())
	s.wantRead(t, d, 2)
}

// testHeld holds as many values as there are buffers, and one more than is allowed.
func (s suite[T]) testHeld(t *testing.T) {
	p, c, opts := s.topic(t, shm.Timeout(10*time.Millisecond))
	n := uint64(1)
	var guards []readGuard
	for range max(1, s.buffers-1) {
		d, err := s.open("topic", opts...)
		closing(t, d, err)
		g, err := s.rlock(d)
		must(t, err)
		check(t, "number under the guard", g.Info().Number, n)
		guards = append(guards, g)
		s.wantRead(t, d, n) // a guard does not keep its handle from reading
		wantErr(t, "Close under a guard", d.Close(), shm.ErrLocked)
		if s.buffers > 1 {
			n++
			must(t, p.Write(s.make(n)))
		}
	}
	err := p.Write(s.make(n + 1))
	var held *shm.HeldError
	wantErr(t, "Write", err, shm.ErrTimeout)
	if !errors.As(err, &held) || len(held.Holders) == 0 || held.Holders[0].PID != os.Getpid() {
		t.Errorf("Write: %v does not say who is in the way", err)
	}
	s.wantRead(t, c, n)
	for _, g := range guards {
		must(t, g.Unlock())
		wantErr(t, "second Unlock", g.Unlock(), shm.ErrNotLocked)
	}
	must(t, p.Write(s.make(n+1)))
	s.wantRead(t, c, n+1)
}

func (s suite[T]) testDiscard(t *testing.T) {
	p, c, _ := s.topic(t)
	g, err := s.lock(p)
	must(t, err)
	wantErr(t, "Write under a guard", p.Write(s.make(2)), shm.ErrLocked)
	if s.buffers == 1 {
		wantErr(t, "Discard", g.Discard(), shm.ErrDiscard)
		must(t, g.Unlock())
		s.wantRead(t, c, 1)
		check(t, "number", c.Info().Number, 2)
		return
	}
	must(t, g.Discard())
	wantErr(t, "Unlock after Discard", g.Unlock(), shm.ErrNotLocked)
	s.wantRead(t, c, 1)
	check(t, "number", c.Info().Number, 1)
	must(t, p.Write(s.make(2)))
	s.wantRead(t, c, 2)
}

func (s suite[T]) testOversize(t *testing.T) {
	if s.oversize == nil {
		return
	}
	p, c, _ := s.topic(t)
	err := s.oversize(p)
	wantErr(t, "too large", err, shm.ErrTooLarge)
	s.wantRead(t, c, 1)
	check(t, "number", c.Info().Number, 1)
	must(t, p.Write(s.make(2)))
	s.wantRead(t, c, 2)
}

func (s suite[T]) testLazy(t *testing.T) {
	if s.lazy == nil {
		return
	}
	opts := []shm.Option{shm.InDir(t.TempDir()), shm.Buffers(s.buffers)}
	l := s.lazy("topic", opts...)
	check(t, "allocated", l.HasAllocated(), false)
	_, err := s.open("topic", opts...)
	wantErr(t, "Open", err, fs.ErrNotExist)
	must(t, l.Write(s.make(1)))
	check(t, "allocated", l.HasAllocated(), true)
	c, err := s.open("topic", opts...)
	closing(t, c, err)
	s.wantRead(t, c, 1)
	must(t, l.Allocate(s.make(9)))
	must(t, l.Write(s.make(2)))
	s.wantRead(t, c, 2)
	must(t, l.Close())
	check(t, "state", c.State(), shm.Closed)

	bad := s.lazy("in/valid", opts...)
	wantErr(t, "Write to a bad name", bad.Write(s.make(1)), shm.ErrName)
	check(t, "allocated", bad.HasAllocated(), false)
	must(t, bad.Close())
}

func (s suite[T]) testReadOnly(t *testing.T) {
	p, _, opts := s.topic(t)
	c, err := s.open("topic", append(opts, shm.ReadOnly())...)
	closing(t, c, err)
	check(t, "can write", c.CanWrite(), false)
	s.wantRead(t, c, 1)
	_, err = s.rlock(c)
	wantErr(t, "RLock", err, shm.ErrReadOnly)
	must(t, p.Write(s.make(2)))
	u, err := c.Next(soon(t))
	must(t, err)
	s.wantValue(t, u.Value, 2)
	d, err := s.clone(c)
	closing(t, d, err)
	s.wantRead(t, d, 2)
}

func (s suite[T]) testWaitOpen(t *testing.T) {
	opts := []shm.Option{shm.InDir(t.TempDir()), shm.Buffers(s.buffers)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.waitOpen(ctx, "topic", opts...)
	wantErr(t, "WaitOpen", err, context.Canceled)

	type opened struct {
		c   consumer[T]
		err error
	}
	got := make(chan opened)
	ctx = soon(t)
	go func() {
		c, err := s.waitOpen(ctx, "topic", opts...)
		got <- opened{c, err}
	}()
	p, err := s.create("topic", s.make(1), opts...)
	closing(t, p, err)
	o := <-got
	closing(t, o.c, o.err)
	s.wantRead(t, o.c, 1)
}

func (s suite[T]) testWaitAny(t *testing.T) {
	p, c, _ := s.topic(t)
	q, d, _ := s.topic(t)
	s.wantRead(t, c, 1)
	s.wantRead(t, d, 1)
	must(t, q.Write(s.make(2)))
	i, err := shm.WaitAny(soon(t), c, d)
	must(t, err)
	check(t, "index", i, 1)
	s.wantRead(t, d, 2)
	done := make(chan int)
	go func() {
		i, err := shm.WaitAny(soon(t), c, d)
		if err != nil {
			t.Error(err)
		}
		done <- i
	}()
	must(t, p.Write(s.make(3)))
	check(t, "index", <-done, 0)
	s.wantRead(t, c, 3)
	must(t, q.Close())
	i, err = shm.WaitAny(soon(t), c, d)
	check(t, "index", i, 1)
	wantErr(t, "WaitAny", err, shm.ErrClosed)
}

func (s suite[T]) testMemfd(t *testing.T) {
	p, err := s.createMem("topic", s.make(1), shm.Buffers(s.buffers))
	closing(t, p, err)
	f, err := p.File()
	must(t, err)
	defer f.Close()
	c, err := s.openFile(f)
	closing(t, c, err)
	s.wantRead(t, c, 1)
	child := start(t, []*os.File{f}, "inherit/"+s.name, 2)
	must(t, p.Write(s.make(2)))
	child.succeed(t)
	s.wantRead(t, c, 2)
	must(t, p.Remove())
	_, err = c.Next(soon(t))
	wantErr(t, "Next", err, shm.ErrReplaced)
}

// inherit, in a child, reads descriptor 3 until it gets the value it is told.
func inherit[T any](k kind[T], args []string) error {
	f := os.NewFile(3, "inherited")
	defer f.Close()
	c, err := k.openFile(f)
	if err != nil {
		return err
	}
	defer c.Close()
	for u, err := range c.Updates(context.Background()) {
		n, bad := k.number(u.Value)
		if err := errors.Join(err, bad); err != nil {
			return err
		}
		if fmt.Sprint(n) == args[0] {
			return nil
		}
	}
	return nil
}

func (s suite[T]) testRestart(t *testing.T) {
	p, c, opts := s.topic(t)
	_, err := s.create("topic", s.make(9), opts...)
	var live *shm.LiveError
	if wantErr(t, "second Create", err, shm.ErrLive); !errors.As(err, &live) || live.PID != os.Getpid() {
		t.Errorf("second Create: %v does not name the first", err)
	}
	must(t, p.Write(s.make(2)))
	s.wantRead(t, c, 2)
	must(t, p.Close())

	p, err = s.create("topic", s.make(3), opts...)
	closing(t, p, err)
	u, err := c.Next(soon(t))
	must(t, err)
	s.wantValue(t, u.Value, 3)
	check(t, "number", u.Number, 3)
	check(t, "publisher's total", p.TotalWrites(), 1)
	check(t, "state", c.State(), shm.Alive)
	must(t, p.Close())

	p, err = s.create("topic", s.make(4), append(opts, shm.Resume())...)
	closing(t, p, err)
	own, err := p.Read()
	must(t, err)
	s.wantValue(t, own, 3)
	check(t, "news after Resume", c.HasChanged(), false)
	must(t, p.Write(s.make(5)))
	s.wantRead(t, c, 5)
	check(t, "missed", c.Info().Missed, 0)
}

func (s suite[T]) testReplaced(t *testing.T) {
	p, c, opts := s.topic(t)
	q, err := s.create("topic", s.make(2), append(opts, shm.Replace())...)
	closing(t, q, err)
	check(t, "state", c.State(), shm.Replaced)
	wantErr(t, "Write", p.Write(s.make(3)), shm.ErrReplaced)
	_, err = c.Read()
	wantErr(t, "Read", err, shm.ErrReplaced)
	_, _, err = c.ReadChange()
	wantErr(t, "ReadChange", err, shm.ErrReplaced)
	_, err = c.Next(soon(t))
	wantErr(t, "Next", err, shm.ErrReplaced)
	check(t, "unlinked", c.Unlinked(), true)
	d, err := s.open("topic", opts...)
	closing(t, d, err)
	s.wantRead(t, d, 2)
	must(t, shm.RemoveForced("topic", opts...))
	_, err = d.Next(soon(t))
	wantErr(t, "Next", err, shm.ErrReplaced)
}

// testKilledPublisher kills a publisher that publishes all the time.
func (s suite[T]) testKilledPublisher(t *testing.T) {
	dir := t.TempDir()
	opts := []shm.Option{shm.InDir(dir), shm.Buffers(s.buffers)}
	child := start(t, nil, "publish/"+s.name, s.buffers, dir)
	c, err := s.waitOpen(soon(t), "topic", opts...)
	closing(t, c, err)
	var last uint64
	for range 50 {
		u, err := c.Next(soon(t))
		must(t, err)
		n, err := s.number(u.Value)
		must(t, err)
		check(t, "value", n, u.Number)
		if n <= last {
			t.Errorf("value %d after %d", n, last)
		}
		last = n
	}
	pid, _ := c.Publisher()
	check(t, "publisher's PID", pid, child.Process.Pid)
	child.kill(t)
	check(t, "state", c.State(), shm.Died)
	switch v, err := c.Read(); {
	case err == nil:
		if last, err = s.number(v); err != nil {
			t.Error("after the kill: ", err)
		}
	case s.buffers > 1 || !errors.Is(err, shm.ErrTorn):
		t.Error("after the kill: ", err)
	}

	p, err := s.create("topic", s.make(7), opts...)
	closing(t, p, err)
	must(t, c.WaitPublisher(soon(t)))
	s.wantRead(t, c, 7)
	if n := c.Info().Number; n <= last {
		t.Errorf("publication %d after %d", n, last)
	}
	must(t, p.Write(s.make(8)))
	u, err := c.Next(soon(t))
	must(t, err)
	s.wantValue(t, u.Value, 8)
}

// publish, in a child, publishes 1, 2, 3 and so on until it is killed.
func publish[T any](k kind[T], args []string) error {
	buffers, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	p, err := k.create("topic", k.make(1), shm.InDir(args[1]), shm.Buffers(buffers))
	if err != nil {
		return err
	}
	for n := uint64(2); ; n++ {
		if err := p.Write(k.make(n)); err != nil {
			return err
		}
	}
}

// testKilledHolder kills a consumer that holds a guard.
func (s suite[T]) testKilledHolder(t *testing.T) {
	dir := t.TempDir()
	p, c, opts := s.topic(t, shm.InDir(dir), shm.Timeout(patience))
	child := start(t, nil, "hold/"+s.name, dir)
	until(t, "the child holds a guard", func() bool {
		status, err := shm.Stat("topic", opts...)
		must(t, err)
		for _, c := range status.Consumers {
			if c.PID == child.Process.Pid && c.Holding {
				return true
			}
		}
		return false
	})
	child.kill(t)
	for n := range uint64(2 * shm.MaxBuffers) { // as many as it takes to need every buffer
		must(t, p.Write(s.make(n+2)))
		s.wantRead(t, c, n+2)
	}
}

// hold, in a child, holds a guard until it is killed.
func hold[T any](k kind[T], args []string) error {
	c, err := k.open("topic", shm.InDir(args[0]))
	if err != nil {
		return err
	}
	if _, err := k.rlock(c); err != nil {
		return err
	}
	select {}
}
