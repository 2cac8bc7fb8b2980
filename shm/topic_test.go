//go:build linux

package shm_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// attitude has no implicit padding on any CPU.
type attitude struct {
	TimeUS uint64
	Q      [4]float32
}

func create[T any](t testing.TB, dir string, v T, opts ...shm.Option) *shm.Publisher[T] {
	t.Helper()
	p, err := shm.Create("topic", v, append(opts, shm.InDir(dir))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(t, p.Close()) })
	return p
}

func open[T any](t testing.TB, dir string, opts ...shm.Option) *shm.Consumer[T] {
	t.Helper()
	c, err := shm.Open[T]("topic", append(opts, shm.InDir(dir))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(t, c.Close()) })
	return c
}

// closeQuietly allows for handles that the test itself has closed.
func closeQuietly(t testing.TB, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, shm.ErrHandle) {
		t.Error(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
		return
	}
	var op *shm.OpError
	if !errors.As(err, &op) || op.Topic == "" {
		t.Errorf("%s: %v names no topic", what, err)
	}
}

func at(us uint64) attitude { return attitude{TimeUS: us, Q: [4]float32{1, 2, 3, float32(us)}} }

// eachBuffers runs f for every number of buffers that behaves differently.
func eachBuffers(t *testing.T, f func(t *testing.T, n int, opt shm.Option)) {
	for _, n := range []int{1, 2, 3, 4, 15} {
		t.Run(map[bool]string{true: "1buffer", false: "buffers"}[n == 1]+string(rune('0'+n%10)), func(t *testing.T) {
			f(t, n, shm.Buffers(n))
		})
	}
}

func TestReadWrite(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt)
		c := open[attitude](t, dir)
		if _, ok := c.Staleness(); ok || c.Info() != (shm.Info{}) {
			t.Error("a handle that never read has staleness or info")
		}
		check(t, "HasChanged before the first read", c.HasChanged(), true)
		for i := uint64(1); i < 40; i++ {
			v, err := c.Read()
			must(t, err)
			check(t, "Read", v, at(i))
			check(t, "Number", c.Info().Number, i)
			check(t, "HasChanged after Read", c.HasChanged(), false)
			_, changed, err := c.ReadChange()
			must(t, err)
			check(t, "ReadChange", changed, false)
			total, err := c.TotalWrites()
			must(t, err)
			check(t, "TotalWrites", total, i)
			check(t, "publisher's TotalWrites", p.TotalWrites(), i)
			if age, ok := c.Staleness(); !ok || age < 0 || age > time.Minute {
				t.Errorf("Staleness = %v, %v", age, ok)
			}
			must(t, p.Write(at(i+1)))
			check(t, "HasChanged after Write", c.HasChanged(), true)
		}
		must(t, p.Write(at(41)))
		must(t, p.Write(at(42)))
		v, changed, err := c.ReadChange()
		must(t, err)
		check(t, "ReadChange", v, at(42))
		check(t, "changed", changed, true)
		check(t, "Missed", c.Info().Missed, 2)
		own, err := p.Read()
		must(t, err)
		check(t, "publisher's Read", own, at(42))
	})
}

func TestGuards(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt, shm.Timeout(20*time.Millisecond))
		c := open[attitude](t, dir, shm.Timeout(20*time.Millisecond))

		must(t, p.Update(func(v *attitude) { v.TimeUS = 2 }))
		v, err := c.Read()
		must(t, err)
		check(t, "after Update", v, attitude{TimeUS: 2, Q: at(1).Q})

		w, err := p.Lock()
		must(t, err)
		_, err = p.Lock()
		wantErr(t, "second Lock", err, shm.ErrLocked)
		wantErr(t, "Write under a guard", p.Write(at(9)), shm.ErrLocked)
		wantErr(t, "Close under a guard", p.Close(), shm.ErrLocked)
		w.Value().TimeUS = 3
		if n == 1 {
			_, err := c.RLock()
			wantErr(t, "RLock against a writer", err, shm.ErrTimeout)
			wantErr(t, "Discard", w.Discard(), shm.ErrDiscard)
			must(t, w.Unlock())
		} else {
			must(t, w.Discard())
			v, err := c.Read()
			must(t, err)
			check(t, "after Discard", v.TimeUS, 2)
			must(t, p.Update(func(v *attitude) { v.TimeUS = 3 }))
		}
		wantErr(t, "Unlock twice", w.Unlock(), shm.ErrNotLocked)

		g, err := c.RLock()
		must(t, err)
		check(t, "guard's value", g.Value().TimeUS, 3)
		_, err = c.RLock()
		wantErr(t, "second RLock", err, shm.ErrLocked)
		wantErr(t, "Close under a guard", c.Close(), shm.ErrLocked)
		if n == 1 {
			var held *shm.HeldError
			err := p.Write(at(4))
			wantErr(t, "Write against a guard", err, shm.ErrTimeout)
			if !errors.As(err, &held) || held.Holders[0].PID != os.Getpid() {
				t.Errorf("Write against a guard: %v does not name the holder", err)
			}
		} else {
			for i := range uint64(10) {
				if err := p.Write(at(4 + i)); err != nil {
					if n > 2 {
						t.Fatal(err)
					}
					wantErr(t, "Write with 2 buffers, one held", err, shm.ErrTimeout)
				}
			}
		}
		check(t, "guard's value later", g.Value().TimeUS, 3)
		must(t, g.Unlock())
		wantErr(t, "Unlock twice", g.Unlock(), shm.ErrNotLocked)
		wantErr(t, "Unlock of the zero guard", shm.ReadGuard[attitude]{}.Unlock(), shm.ErrNotLocked)
		wantErr(t, "Unlock of the zero guard", shm.WriteGuard[attitude]{}.Unlock(), shm.ErrNotLocked)
		must(t, p.Write(at(20)))
		must(t, c.View(func(v *attitude) { check(t, "View", *v, at(20)) }))
		must(t, p.View(func(v *attitude) { check(t, "publisher's View", *v, at(20)) }))
	})
}

// n buffers allow for n-2 old values that are held.
func TestHeldBuffers(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1), shm.Buffers(4), shm.Timeout(20*time.Millisecond))
	var guards []shm.ReadGuard[attitude]
	for i := range uint64(3) {
		g, err := open[attitude](t, dir).RLock()
		must(t, err)
		guards = append(guards, g)
		if i < 2 {
			must(t, p.Write(at(i+2)))
		}
	}
	must(t, p.Write(at(4))) // the newest was held, and two others: one is left
	err := p.Write(at(5))
	var held *shm.HeldError
	if !errors.As(err, &held) || !errors.Is(err, shm.ErrTimeout) || len(held.Holders) != 3 {
		t.Fatalf("Write with every buffer held: %v, want a HeldError with 3 holders", err)
	}
	must(t, guards[1].Unlock())
	must(t, p.Write(at(5)))
	for i, want := range []uint64{1, 0, 3} {
		if i != 1 {
			check(t, "held value", *guards[i].Value(), at(want))
			must(t, guards[i].Unlock())
		}
	}
}

func TestPanicInUpdate(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt)
		c := open[attitude](t, dir, shm.Timeout(20*time.Millisecond))
		func() {
			defer func() { check(t, "panic passes through", recover(), any("boom")) }()
			_ = p.Update(func(v *attitude) { v.TimeUS = 99; panic("boom") })
		}()
		v, err := c.Read()
		if n > 1 {
			must(t, err)
			check(t, "value after the panic", v, at(1))
		} else {
			wantErr(t, "Read of a half-written value", err, shm.ErrTimeout)
			check(t, "value with the error", v, attitude{})
			_, err := p.Lock()
			wantErr(t, "Lock of a half-written value", err, shm.ErrTorn)
		}
		must(t, p.Write(at(2))) // a whole write mends it
		v, err = c.Read()
		must(t, err)
		check(t, "value after the next write", v, at(2))
		func() {
			defer func() { check(t, "panic passes through", recover(), any("boom")) }()
			_ = c.View(func(*attitude) { panic("boom") })
		}()
		must(t, p.Write(at(3))) // the guard of the View is gone
	})
}

func TestTornAfterAbandonedClose(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1), shm.Buffers(1))
	c := open[attitude](t, dir)
	func() {
		defer func() { _ = recover() }()
		_ = p.Update(func(v *attitude) { panic("boom") })
	}()
	must(t, p.Close())
	_, err := c.Read()
	wantErr(t, "Read", err, shm.ErrTorn)
	_, err = c.RLock()
	wantErr(t, "RLock", err, shm.ErrTorn)
	_, err = shm.Create("topic", at(2), shm.InDir(dir), shm.Buffers(1), shm.Resume())
	wantErr(t, "Create with Resume", err, shm.ErrTorn)
	create(t, dir, at(2), shm.Buffers(1))
	v, err := c.Read()
	must(t, err)
	check(t, "Read after the takeover", v, at(2))
}

func TestTakeover(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt)
		c := open[attitude](t, dir)
		_, err := shm.Create("topic", at(5), shm.InDir(dir), opt)
		wantErr(t, "Create on a live topic", err, shm.ErrLive)
		var live *shm.LiveError
		if !errors.As(err, &live) || live.PID != os.Getpid() || live.Command == "" {
			t.Errorf("Create on a live topic: %v does not name the publisher", err)
		}
		must(t, p.Write(at(2)))
		check(t, "State", c.State(), shm.Alive)
		must(t, p.Close())
		wantErr(t, "second Close", p.Close(), shm.ErrHandle)
		wantErr(t, "Write after Close", p.Write(at(3)), shm.ErrHandle)
		check(t, "State", c.State(), shm.Closed)
		v, err := c.Read()
		must(t, err)
		check(t, "Read of a closed topic", v, at(2))
		_, err = c.Next(t.Context())
		wantErr(t, "Next of a closed topic", err, shm.ErrClosed)
		_, err = shm.Open[attitude]("topic", shm.InDir(dir))
		wantErr(t, "Open of a closed topic", err, shm.ErrClosed)
		late := open[attitude](t, dir, shm.AllowClosed())
		v, err = late.Read()
		must(t, err)
		check(t, "Read of a closed topic", v, at(2))

		q := create(t, dir, at(10), opt)
		check(t, "State", c.State(), shm.Alive)
		u, err := c.Next(t.Context())
		must(t, err)
		check(t, "value of the successor", u.Value, at(10))
		check(t, "Number goes on", u.Number, 3)
		check(t, "TotalWrites starts anew", q.TotalWrites(), 1)
		total, err := c.TotalWrites()
		must(t, err)
		check(t, "TotalWrites starts anew", total, 1)
		must(t, q.Close())

		r := create(t, dir, at(20), opt, shm.Resume())
		v, err = c.Read()
		must(t, err)
		check(t, "resumed value", v, at(10))
		check(t, "TotalWrites of a resumed topic", r.TotalWrites(), 0)
		must(t, r.Update(func(v *attitude) { v.TimeUS++ }))
		v, err = c.Read()
		must(t, err)
		check(t, "updated value", v.TimeUS, 11)
	})
}

// A successor that does not fit retires the segment, and consumers are told.
func TestReplaced(t *testing.T) {
	tests := map[string]func(dir string) error{
		"another type":   func(dir string) error { return recreate(dir, uint64(1)) },
		"other buffers":  func(dir string) error { return recreate(dir, at(1), shm.Buffers(7)) },
		"other slots":    func(dir string) error { return recreate(dir, at(1), shm.Slots(7)) },
		"removed":        func(dir string) error { return shm.RemoveForced("topic", shm.InDir(dir)) },
		"bytes, instead": func(dir string) error { return recreate(dir, [24]byte{}) },
	}
	for name, replace := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := create(t, dir, at(1))
			c := open[attitude](t, dir)
			must(t, p.Close())
			must(t, replace(dir))
			_, err := c.Read()
			wantErr(t, "Read", err, shm.ErrReplaced)
			_, err = c.Next(t.Context())
			wantErr(t, "Next", err, shm.ErrReplaced)
			_, err = c.RLock()
			wantErr(t, "RLock", err, shm.ErrReplaced)
			_, _, err = c.ReadChange()
			wantErr(t, "ReadChange", err, shm.ErrReplaced)
			wantErr(t, "WaitPublisher", c.WaitPublisher(t.Context()), shm.ErrReplaced)
			check(t, "State", c.State(), shm.Replaced)
		})
	}
}

func recreate[T any](dir string, v T, opts ...shm.Option) error {
	p, err := shm.Create("topic", v, append(opts, shm.InDir(dir))...)
	if err != nil {
		return err
	}
	return p.Close()
}

func TestReplaceLive(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1))
	c := open[attitude](t, dir)
	q := create(t, dir, at(2), shm.Replace())
	wantErr(t, "Write of the replaced publisher", p.Write(at(3)), shm.ErrReplaced)
	check(t, "Unlinked", p.Unlinked(), true)
	_, err := c.Read()
	wantErr(t, "Read", err, shm.ErrReplaced)
	must(t, c.Close())
	v, err := open[attitude](t, dir).Read()
	must(t, err)
	check(t, "Read after reopening", v, at(2))
	check(t, "Unlinked", q.Unlinked(), false)
}

func TestTypeMismatch(t *testing.T) {
	type shifted struct {
		TimeUS uint64
		_      [4]byte
		Q      [4]float32
		_      [4]byte
	}
	dir := t.TempDir()
	create(t, dir, at(1))
	_, err := shm.Open[shifted]("topic", shm.InDir(dir))
	wantErr(t, "Open", err, shm.ErrType)
	for _, want := range []string{"q f32[4] @8", "q f32[4] @12", "`_ [4]byte` before q"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v\ndoes not say %q", err, want)
		}
	}
	type other struct {
		TimeUS uint64
		Q      [2]float64
	}
	if _, err = shm.Open[other]("topic", shm.InDir(dir)); !errors.Is(err, shm.ErrType) {
		t.Errorf("Open as another type of the same size: %v, want ErrType", err)
	}
	type renamed attitude // the type's own name does not count
	open[renamed](t, dir)
}

func TestNext(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt)
		c := open[attitude](t, dir)
		u, err := c.Next(t.Context())
		must(t, err)
		check(t, "first", u.Number, 1)
		_, err = c.NextTimeout(10 * time.Millisecond)
		wantErr(t, "NextTimeout", err, shm.ErrTimeout)
		wantErr(t, "NextTimeout", err, context.DeadlineExceeded)
		_, err = c.NextTimeout(0)
		wantErr(t, "NextTimeout(0)", err, shm.ErrTimeout)
		ctx, cancel := context.WithCancel(t.Context())
		var publishing sync.WaitGroup
		defer publishing.Wait()
		defer cancel()
		publishing.Go(func() {
			for i := uint64(2); ctx.Err() == nil; i++ {
				if err := p.Write(at(i)); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(100 * time.Microsecond)
			}
		})
		last := uint64(1)
		for u, err := range c.Updates(t.Context()) {
			must(t, err)
			check(t, "value of its number", u.Value, at(u.Number))
			check(t, "missed", u.Missed, u.Number-last-1)
			if last = u.Number; last > 30 {
				break
			}
		}
	})
}

func TestWriteAtAndNoTimestamps(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1), shm.NoTimestamps())
	c := open[attitude](t, dir)
	_, err := c.Read()
	must(t, err)
	if _, ok := c.Staleness(); ok {
		t.Error("Staleness of a topic without times")
	}
	must(t, p.WriteAt(at(2), shm.Now().Add(-time.Hour)))
	_, err = c.Read()
	must(t, err)
	if age, ok := c.Staleness(); !ok || age < time.Hour || age > time.Hour+time.Minute {
		t.Errorf("Staleness = %v, %v, want an hour", age, ok)
	}
	check(t, "Published", c.Info().Published, 0)
}

func TestLazy(t *testing.T) {
	dir := t.TempDir()
	l := shm.Lazy[attitude]("topic", shm.InDir(dir))
	check(t, "HasAllocated", l.HasAllocated(), false)
	_, err := shm.Open[attitude]("topic", shm.InDir(dir))
	wantErr(t, "Open before the first write", err, fs.ErrNotExist)
	if _, ok := l.Strict(); ok {
		t.Error("Strict before the first write")
	}
	must(t, l.Write(at(1)))
	check(t, "HasAllocated", l.HasAllocated(), true)
	c := open[attitude](t, dir)
	must(t, l.Allocate(at(7))) // does nothing
	must(t, l.Write(at(2)))
	u, err := c.Next(t.Context())
	must(t, err)
	check(t, "value", u.Value, at(2))
	check(t, "number", u.Number, 2)
	p, ok := l.Strict()
	if !ok || p.TotalWrites() != 2 {
		t.Error("Strict returns another publisher")
	}
	must(t, l.Close())
	must(t, shm.Lazy[attitude]("topic").Close())
}

func TestBytes(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := shm.InDir(t.TempDir())
		p, err := shm.CreateBytes("topic", 100, nil, dir, opt)
		must(t, err)
		defer p.Close()
		c, err := shm.OpenBytes("topic", dir)
		must(t, err)
		defer c.Close()
		_, err = c.Read()
		wantErr(t, "Read of an empty topic", err, shm.ErrEmpty)
		_, err = c.RLock()
		wantErr(t, "RLock of an empty topic", err, shm.ErrEmpty)
		check(t, "HasChanged of an empty topic", c.HasChanged(), false)
		total, err := c.TotalWrites()
		must(t, err)
		check(t, "TotalWrites of an empty topic", total, 0)
		for size := range 101 {
			v := bytes.Repeat([]byte{byte(size)}, size)
			must(t, p.Write(v))
			got, err := c.Read()
			must(t, err)
			if !bytes.Equal(got, v) {
				t.Fatalf("Read = %v, want %v", got, v)
			}
		}
		wantErr(t, "Write", p.Write(make([]byte, 101)), shm.ErrTooLarge)
		_, err = c.ReadInto(make([]byte, 99))
		wantErr(t, "ReadInto a short slice", err, shm.ErrSize)
		g, err := p.Loan()
		must(t, err)
		check(t, "Loan's length", len(g.Value()), 0)
		wantErr(t, "UnlockWith too much", g.UnlockWith(make([]byte, 101)), shm.ErrTooLarge)
		must(t, g.UnlockWith(append(g.Value(), "hello"...)))
		must(t, p.Update(func(v []byte) []byte { return append(v, " world"...) }))
		must(t, c.View(func(v []byte) { check(t, "View", string(v), "hello world") }))
		check(t, "HasChanged after View", c.HasChanged(), false)
		must(t, p.Write(nil))
		u, err := c.Next(t.Context())
		must(t, err)
		check(t, "length of an empty value", len(u.Value), 0)
		check(t, "Number", u.Number, 104)
	})
}

func TestBytesAndStructs(t *testing.T) {
	dir := t.TempDir()
	p, err := shm.CreateBytes("topic", 24, nil, shm.InDir(dir))
	must(t, err)
	defer p.Close()
	c := open[attitude](t, dir) // opaque bytes match any struct of their size
	must(t, p.Write(make([]byte, 23)))
	_, err = c.Read()
	wantErr(t, "Read of another size", err, shm.ErrSize)
	_, err = c.RLock()
	wantErr(t, "RLock of another size", err, shm.ErrSize)
	must(t, p.Write(make([]byte, 24)))
	_, err = c.Read()
	must(t, err)
	_, err = shm.Open[uint64]("topic", shm.InDir(dir))
	wantErr(t, "Open as a struct of another size", err, shm.ErrType)
	check(t, "allocated_data_size", c.Size(), 24)
}

func TestMemfd(t *testing.T) {
	p, err := shm.CreateMem("anonymous", at(1))
	must(t, err)
	defer p.Close()
	f, err := p.File()
	must(t, err)
	defer f.Close()
	c, err := shm.OpenFile[attitude](f)
	must(t, err)
	defer c.Close()
	must(t, p.Write(at(2)))
	u, err := c.Next(t.Context())
	must(t, err)
	check(t, "value", u.Value, at(2))
	if err := syscall.Ftruncate(int(f.Fd()), 0); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("truncating the memfd: %v, want a refusal", err)
	}
	d, err := c.Clone()
	must(t, err)
	defer d.Close()
	must(t, p.Close())
	check(t, "State", d.State(), shm.Closed)
}

func TestClone(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, at(1))
	c := open[attitude](t, dir)
	_, err := c.Read()
	must(t, err)
	d, err := c.Clone()
	must(t, err)
	check(t, "clone has read what the original has", d.HasChanged(), false)
	s, err := shm.Stat("topic", shm.InDir(dir))
	must(t, err)
	check(t, "slots taken", len(s.Consumers), 2)
	must(t, d.Close())
	wantErr(t, "second Close", d.Close(), shm.ErrHandle)
	_, err = d.Read()
	wantErr(t, "Read after Close", err, shm.ErrHandle)
	_, err = d.RLock()
	wantErr(t, "RLock after Close", err, shm.ErrHandle)
	_, err = d.Next(t.Context())
	wantErr(t, "Next after Close", err, shm.ErrHandle)
	_, err = d.Clone()
	wantErr(t, "Clone after Close", err, shm.ErrHandle)
	_, err = d.TotalWrites()
	wantErr(t, "TotalWrites after Close", err, shm.ErrHandle)
	check(t, "HasChanged after Close", d.HasChanged(), false)
}

func TestNilValues(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1))
	c := open[attitude](t, dir)
	wantErr(t, "WriteFrom(nil)", p.WriteFrom(nil), shm.ErrNil)
	wantErr(t, "ReadInto(nil)", c.ReadInto(nil), shm.ErrNil)
}

func TestSlots(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, at(1), shm.Slots(2))
	a := open[attitude](t, dir)
	open[attitude](t, dir)
	_, err := shm.Open[attitude]("topic", shm.InDir(dir))
	wantErr(t, "third consumer", err, shm.ErrNoSlots)
	open[attitude](t, dir, shm.ReadOnly()) // needs none
	must(t, a.Close())
	open[attitude](t, dir)
}

func TestReadOnlyHandle(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt)
		c := open[attitude](t, dir, shm.ReadOnly())
		check(t, "CanWrite", c.CanWrite(), false)
		v, err := c.Read()
		must(t, err)
		check(t, "Read", v, at(1))
		_, err = c.RLock()
		wantErr(t, "RLock", err, shm.ErrReadOnly)
		done := make(chan error, 1)
		go func() { done <- p.Write(at(2)) }()
		u, err := c.Next(t.Context())
		must(t, err)
		must(t, <-done)
		check(t, "Next", u.Value, at(2))
		s, err := shm.Stat("topic", shm.InDir(dir))
		must(t, err)
		check(t, "slots taken", len(s.Consumers), 0)
	})
}

func TestWaitOpen(t *testing.T) {
	dir := t.TempDir()
	got := make(chan error, 1)
	go func() {
		c, err := shm.WaitOpen[attitude](t.Context(), "topic", shm.InDir(dir))
		if err == nil {
			err = c.Close()
		}
		got <- err
	}()
	p := create(t, dir, at(1))
	must(t, <-got)
	must(t, p.Close())
	go func() { // waits out a topic that is closed
		c, err := shm.WaitOpen[attitude](t.Context(), "topic", shm.InDir(dir))
		if err == nil {
			err = c.Close()
		}
		got <- err
	}()
	select {
	case err := <-got:
		t.Fatalf("WaitOpen of a closed topic returned: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	create(t, dir, at(2))
	must(t, <-got)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := shm.WaitOpen[attitude](ctx, "nothing", shm.InDir(dir))
	wantErr(t, "WaitOpen", err, context.DeadlineExceeded)
	_, err = shm.WaitOpen[attitude](t.Context(), "nothing", shm.InDir(dir+"/missing"))
	wantErr(t, "WaitOpen in a missing directory", err, fs.ErrNotExist)
}

func TestWaitAny(t *testing.T) {
	t.Run("futex_waitv", testWaitAny) // or what there is
	t.Run("each", func(t *testing.T) { shm.WithoutWaitv(t); testWaitAny(t) })
}

func testWaitAny(t *testing.T) {
	dir := shm.InDir(t.TempDir())
	var pubs []*shm.Publisher[uint64]
	var cons []shm.Waitable
	for _, name := range []string{"a", "b", "c"} {
		p, err := shm.Create(name, uint64(0), dir)
		must(t, err)
		defer p.Close()
		c, err := shm.Open[uint64](name, dir)
		must(t, err)
		defer c.Close()
		_, err = c.Read()
		must(t, err)
		pubs, cons = append(pubs, p), append(cons, c)
	}
	for round := range 30 {
		i := round % 3
		done := make(chan error, 1)
		go func() { done <- pubs[i].Write(uint64(round)) }()
		got, err := shm.WaitAny(t.Context(), cons...)
		must(t, err)
		must(t, <-done)
		check(t, "index", got, i)
		_, err = cons[i].(*shm.Consumer[uint64]).Read()
		must(t, err)
	}
	must(t, pubs[1].Close())
	i, err := shm.WaitAny(t.Context(), cons...)
	check(t, "index of the closed one", i, 1)
	wantErr(t, "WaitAny", err, shm.ErrClosed)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	i, err = shm.WaitAny(ctx, cons[0], cons[2])
	check(t, "index", i, -1)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("WaitAny: %v, want the context's error", err)
	}
}

func TestNames(t *testing.T) {
	dir := shm.InDir(t.TempDir())
	for _, name := range []string{"", ".", "..", ".hidden", "a/b", "/a", "a\x00b", "\xff", strings.Repeat("x", shm.MaxName+1)} {
		_, err := shm.Create(name, at(1), dir)
		if !errors.Is(err, shm.ErrName) {
			t.Errorf("Create(%q): %v, want ErrName", name, err)
		}
		_, err = shm.Open[attitude](name, dir)
		if !errors.Is(err, shm.ErrName) {
			t.Errorf("Open(%q): %v, want ErrName", name, err)
		}
	}
	for _, name := range []string{"x", "a b", "überall", strings.Repeat("x", shm.MaxName), "a.b-c_d"} {
		p, err := shm.Create(name, at(1), dir)
		must(t, err)
		must(t, p.Remove())
	}
}

func TestOptions(t *testing.T) {
	for name, opt := range map[string]shm.Option{
		"0 buffers": shm.Buffers(0), "16 buffers": shm.Buffers(16), "0 slots": shm.Slots(0),
		"many slots": shm.Slots(shm.MaxSlots + 1), "timeout": shm.Timeout(0), "mode": shm.Mode(0o400),
		"more than permissions": shm.Mode(0o600 | fs.ModeSticky), "permissions of the group alone": shm.Mode(0o070),
	} {
		_, err := shm.Create("topic", at(1), shm.InDir(t.TempDir()), opt)
		wantErr(t, name, err, shm.ErrOption)
	}
}

// What is not a topic is named as such, and nothing happens to it.
func TestNotTopics(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "topic")
	make := map[string]func() error{
		"empty":     func() error { return os.WriteFile(path, nil, 0o600) },
		"short":     func() error { return os.WriteFile(path, []byte("tism"), 0o600) },
		"random":    func() error { return os.WriteFile(path, bytes.Repeat([]byte{0xa5}, 300000), 0o600) },
		"symlink":   func() error { return os.Symlink("/etc/passwd", path) },
		"directory": func() error { return os.Mkdir(path, 0o700) },
		"FIFO":      func() error { return syscall.Mkfifo(path, 0o600) },
	}
	for name, f := range make {
		t.Run(name, func(t *testing.T) {
			must(t, f())
			before, err := os.Lstat(path)
			must(t, err)
			_, err = shm.Open[attitude]("topic", shm.InDir(dir))
			wantErr(t, "Open", err, shm.ErrNotTopic)
			_, err = shm.WaitOpen[attitude](t.Context(), "topic", shm.InDir(dir))
			wantErr(t, "WaitOpen", err, shm.ErrNotTopic)
			_, err = shm.Create("topic", at(1), shm.InDir(dir), shm.Replace())
			wantErr(t, "Create", err, shm.ErrNotTopic)
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("Create: %v does not say what is in the way", err)
			}
			_, err = shm.Stat("topic", shm.InDir(dir))
			wantErr(t, "Stat", err, shm.ErrNotTopic)
			wantErr(t, "RemoveForced", shm.RemoveForced("topic", shm.InDir(dir)), shm.ErrNotTopic)
			list, err := shm.List(shm.InDir(dir))
			must(t, err)
			check(t, "topics in List", len(list), 0)
			after, err := os.Lstat(path)
			must(t, err)
			if !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Error("the file was touched")
			}
			must(t, os.RemoveAll(path))
		})
	}
}

// damage changes bytes of a closed topic's file.
func damage(t *testing.T, dir string, off int64, b ...byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "topic"), os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt(b, off)
	must(t, err)
}

func TestOtherVersion(t *testing.T) {
	dir := t.TempDir()
	must(t, create(t, dir, at(1)).Close())
	damage(t, dir, 8, 2)
	_, err := shm.Open[attitude]("topic", shm.InDir(dir))
	wantErr(t, "Open", err, shm.ErrVersion)
	_, err = shm.Create("topic", at(1), shm.InDir(dir))
	wantErr(t, "Create", err, shm.ErrVersion)
	list, err := shm.List(shm.InDir(dir))
	must(t, err)
	if len(list) != 1 || !errors.Is(list[0].Err, shm.ErrVersion) {
		t.Errorf("List = %+v, want the topic with ErrVersion", list)
	}
}

// Shared memory that says nonsense is an error, not a wild read.
func TestCorruptWords(t *testing.T) {
	const latest, length = 65536 + 4, 196608 + 4
	tests := map[string]func(t *testing.T, dir string){
		"index":   func(t *testing.T, dir string) { damage(t, dir, latest, 0x1e) },
		"length":  func(t *testing.T, dir string) { damage(t, dir, length, 0xff, 0xff, 0xff, 0xff) },
		"version": func(t *testing.T, dir string) { damage(t, dir, latest+2, 0xff) },
		// Beyond the capacity, but within what the reader has room for.
		"longer": func(t *testing.T, dir string) { damage(t, dir, length, 0, 0, 0x10) },
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p, err := shm.CreateBytes("topic", 64, []byte("hello"), shm.InDir(dir))
			must(t, err)
			defer p.Close()
			c, err := shm.OpenBytes("topic", shm.InDir(dir))
			must(t, err)
			defer c.Close()
			f(t, dir)
			if v, err := c.Read(); err == nil {
				t.Errorf("Read = %q", v)
			}
			if n, err := c.ReadInto(make([]byte, 2<<20)); err == nil {
				t.Errorf("ReadInto a large slice = %d", n)
			}
			if g, err := c.RLock(); err == nil {
				t.Errorf("RLock = %q", g.Value())
			}
			if _, err := shm.Stat("topic", shm.InDir(dir)); name != "version" && !errors.Is(err, shm.ErrCorrupt) {
				t.Errorf("Stat: %v, want ErrCorrupt", err)
			}
			must(t, p.Write([]byte("whole"))) // the publisher believes itself alone
			v, err := c.Read()
			must(t, err)
			check(t, "Read after the next write", string(v), "whole")
		})
	}
}

func TestStat(t *testing.T) {
	eachBuffers(t, func(t *testing.T, n int, opt shm.Option) {
		dir := t.TempDir()
		p := create(t, dir, at(1), opt, shm.Mode(0o640))
		must(t, p.Write(at(2)))
		c := open[attitude](t, dir)
		g, err := c.RLock()
		must(t, err)
		list, err := shm.List(shm.InDir(dir))
		must(t, err)
		if len(list) != 1 {
			t.Fatalf("List = %v", list)
		}
		s := list[0]
		check(t, "Name", s.Name, "topic")
		check(t, "Type", s.Type.String(), p.Type().String())
		check(t, "Buffers", s.Buffers, n)
		check(t, "Mode", s.Mode, fs.FileMode(0o640))
		check(t, "State", s.State, shm.Alive)
		check(t, "PID", s.PID, os.Getpid())
		check(t, "Writes", s.Writes, 2)
		check(t, "Number", s.Number, 2)
		check(t, "Size", s.Size, 24)
		check(t, "consumers", len(s.Consumers), 1)
		check(t, "consumer's PID", s.Consumers[0].PID, os.Getpid())
		check(t, "consumer holds", s.Consumers[0].Holding, true)
		if s.Age < 0 || s.Age > time.Minute {
			t.Errorf("Age = %v", s.Age)
		}
		must(t, g.Unlock())
		must(t, p.Close())
		s, err = shm.Stat("topic", shm.InDir(dir))
		must(t, err)
		check(t, "State", s.State, shm.Closed)
		wantErr(t, "Remove in use", shm.Remove("topic", shm.InDir(dir)), shm.ErrInUse)
		must(t, c.Close())
		must(t, shm.Remove("topic", shm.InDir(dir)))
		_, err = shm.Stat("topic", shm.InDir(dir))
		wantErr(t, "Stat of a removed topic", err, fs.ErrNotExist)
	})
}

func TestRemoveLive(t *testing.T) {
	dir := t.TempDir()
	p := create(t, dir, at(1))
	wantErr(t, "Remove", shm.Remove("topic", shm.InDir(dir)), shm.ErrInUse)
	must(t, shm.RemoveForced("topic", shm.InDir(dir)))
	wantErr(t, "Write", p.Write(at(2)), shm.ErrReplaced)
	must(t, p.Close())
}

func TestPrefaultAndLock(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, at(1), shm.Prefault())
	open[attitude](t, dir, shm.Prefault())
	c, err := shm.Open[attitude]("topic", shm.InDir(dir), shm.LockMemory())
	if errors.Is(err, shm.ErrMemoryLock) && strings.Contains(err.Error(), "RLIMIT_MEMLOCK") {
		return // the refusal says what to raise
	}
	must(t, err)
	must(t, c.Close())
}

func TestNoAllocations(t *testing.T) {
	for _, n := range []int{1, 4} {
		dir := t.TempDir()
		p := create(t, dir, at(1), shm.Buffers(n))
		c := open[attitude](t, dir)
		ctx, v, i := t.Context(), at(0), uint64(0)
		ops := map[string]func(){
			"Write":     func() { must(t, p.Write(v)) },
			"WriteFrom": func() { must(t, p.WriteFrom(&v)) },
			"Lock":      func() { g, err := p.Lock(); must(t, err); g.Value().TimeUS++; must(t, g.Unlock()) },
			"Update":    func() { must(t, p.Update(func(v *attitude) { v.TimeUS = i })) },
			"Read":      func() { _, err := c.Read(); must(t, err) },
			"ReadInto":  func() { must(t, c.ReadInto(&v)) },
			"RLock":     func() { g, err := c.RLock(); must(t, err); i += g.Value().TimeUS; must(t, g.Unlock()) },
			"View":      func() { must(t, c.View(func(v *attitude) { i += v.TimeUS })) },
			"Next":      func() { must(t, p.Write(v)); _, err := c.NextInto(ctx, &v); must(t, err) },
			"Staleness": func() { c.Staleness(); c.HasChanged(); c.Info() },
		}
		for name, f := range ops {
			if a := testing.AllocsPerRun(100, f); a != 0 {
				t.Errorf("%s with %d buffers allocates %v times", name, n, a)
			}
		}
	}
}

// A value too large for the stack is copied from and to where the caller has it.
func TestNoAllocationsOfLargeValues(t *testing.T) {
	type large struct{ A [1 << 17]uint64 }
	dir, v := t.TempDir(), new(large)
	p := create(t, dir, *v)
	c := open[large](t, dir)
	if a := testing.AllocsPerRun(20, func() {
		must(t, p.WriteFrom(v))
		must(t, c.ReadInto(v))
		must(t, c.View(func(v *large) { must(t, p.Update(func(w *large) { w.A[0]++ })) }))
	}); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func TestNow(t *testing.T) {
	before := shm.Now()
	if d := before.Sub(shm.TimeOf(time.Now())); d > time.Second || d < -time.Second {
		t.Errorf("TimeOf(now) is %v off", d)
	}
	if a := before.Add(-time.Second).Age(); a < time.Second {
		t.Errorf("Age of a second ago = %v", a)
	}
	if shm.Now() < before {
		t.Error("the clock runs backwards")
	}
}
