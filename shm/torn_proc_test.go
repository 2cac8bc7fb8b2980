//go:build linux

package shm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// A sample tells by itself whether it is whole, and the number of its publication: every
// word follows from the first, which is the number.
type sample interface {
	[8]uint64 | [128]uint64 | [8192]uint64
}

func stamp[T sample](v *T, number uint64) {
	for i := range len(*v) {
		(*v)[i] = number + uint64(i)<<40
	}
}

func stamped[T sample](number uint64) *T {
	v := new(T)
	stamp(v, number)
	return v
}

// raw returns the value's bytes.
func raw[T sample](v *T) []byte {
	var b []byte
	for i := range len(*v) {
		b = binary.NativeEndian.AppendUint64(b, (*v)[i])
	}
	return b
}

// whole reports whether all of the value was written as the publication of that number.
func whole[T sample](v *T, number uint64) bool {
	for i := range len(*v) {
		if (*v)[i] != number+uint64(i)<<40 {
			return false
		}
	}
	return true
}

// A role for samples of each size: args are the directory, the size, and then the role's
// own.
func bySize(small, medium, large func(*actor)) func(*actor) {
	return func(a *actor) {
		switch a.number(1) {
		case 64:
			small(a)
		case 1 << 10:
			medium(a)
		case 64 << 10:
			large(a)
		}
	}
}

func init() {
	helpers["publisher"] = bySize(publish[[8]uint64], publish[[128]uint64], publish[[8192]uint64])
	helpers["reader"] = bySize(read[[8]uint64], read[[128]uint64], read[[8192]uint64])
}

// publish creates its topic or takes it over when it is told to, says so, and when it is
// told again writes as fast as it can. Args: directory, size, buffers.
func publish[T sample](a *actor) {
	a.hear()
	number := uint64(0)
	if s, err := shm.Stat("topic", shm.InDir(a.args[0])); err == nil {
		number = s.Number
	}
	v := stamped[T](number + 1)
	p := create(a, a.args[0], *v, shm.Buffers(a.number(2)), shm.Timeout(patience))
	a.say("published %d of %d", number+1, p.TotalWrites())
	a.hear()
	for number += 2; !a.over.Load(); number++ {
		if number%2 == 0 {
			stamp(v, number)
			must(a, p.WriteFrom(v))
			continue
		}
		g, err := p.Loan()
		must(a, err)
		stamp(g.Value(), number)
		must(a, g.Unlock())
	}
}

// read reads until its input ends. It says when it has seen more than one value, and at the
// end how often it has read, how many different values, and how often there was none to read. Args: directory, size, how to read,
// which errors to bear.
func read[T sample](a *actor) {
	how := a.args[2]
	opts := []shm.Option{shm.Timeout(patience)}
	if how == "readonly" {
		opts = append(opts, shm.ReadOnly())
	}
	c := open[T](a, a.args[0], opts...)
	look := ways[T]()[how]
	a.say("open")
	var reads, values, refused int
	told := false
	for last := uint64(0); !a.over.Load(); {
		err := look(c)
		switch number := c.Info().Number; {
		case err != nil && strings.Contains(a.args[3], reason(err)):
			refused++
		case err != nil:
			a.Fatal(how, err)
		case number < last:
			a.Fatalf("%s: number %d after %d", how, number, last)
		case number > last:
			values++
			last = number
			fallthrough
		default:
			reads++
		}
		if !told && (values > 1 || refused > 0) {
			a.say("sees changes")
			told = true
		}
	}
	a.say("%d reads of %d values, %d refused", reads, values, refused)
}

// ways are the ways to read. Each reads once and returns an error if the value is torn or not
// the one that its number says.
func ways[T sample]() map[string]func(*shm.Consumer[T]) error {
	v := new(T)
	var seen uint64
	inPlace := func(c *shm.Consumer[T], v *T) error {
		number := c.Info().Number
		if !whole(v, number) {
			return tornError(v, number)
		}
		if number%64 == 0 {
			runtime.Gosched() // once in a while hold it longer
		}
		if !whole(v, number) {
			return fmt.Errorf("under the guard: %w", tornError(v, number))
		}
		return nil
	}
	copied := func(c *shm.Consumer[T], err error) error {
		if err == nil && !whole(v, c.Info().Number) {
			err = tornError(v, c.Info().Number)
		}
		return err
	}
	return map[string]func(*shm.Consumer[T]) error{
		"read":     func(c *shm.Consumer[T]) error { return copied(c, c.ReadInto(v)) },
		"readonly": func(c *shm.Consumer[T]) error { return copied(c, c.ReadInto(v)) },
		"next": func(c *shm.Consumer[T]) error {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			info, err := c.NextInto(ctx, v)
			if errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			if err == nil && info.Number <= seen {
				return fmt.Errorf("next after number %d returned number %d", seen, info.Number)
			}
			seen = c.Info().Number
			return copied(c, err)
		},
		"guard": func(c *shm.Consumer[T]) error {
			g, err := c.RLock()
			if err != nil {
				return err
			}
			return errors.Join(inPlace(c, g.Value()), g.Unlock())
		},
		"view": func(c *shm.Consumer[T]) (err error) {
			return errors.Join(c.View(func(v *T) { err = inPlace(c, v) }), err)
		},
	}
}

func tornError[T sample](v *T, number uint64) error {
	for i := range len(*v) {
		if was := (*v)[i] - uint64(i)<<40; was != number {
			return fmt.Errorf("TORN: in value %d, word %d of %d is of value %d", number, i, len(*v), was)
		}
	}
	return fmt.Errorf("TORN: value %d, which is whole by now", number)
}

// Readers in other processes never see a torn value, nor an older one than before, however
// fast the publisher is.
func TestNeverTorn(t *testing.T) {
	for _, buffers := range []int{1, 2, 4} {
		for _, size := range []int{64, 1 << 10, 64 << 10} {
			t.Run(fmt.Sprintf("buffers=%d/bytes=%d", buffers, size), func(t *testing.T) { testNeverTorn(t, buffers, size) })
		}
	}
}

func testNeverTorn(t *testing.T, buffers, size int) {
	dir := t.TempDir()
	p := spawn(t, "publisher", dir, size, buffers)
	p.send("create")
	p.expect("published 1 of 1")
	p.send("write")
	// Apart, since guards slow the publisher down.
	readAtOnce(t, dir, size, "read", "next", "readonly")
	readAtOnce(t, dir, size, "guard", "view")
	p.finish()
	s, err := shm.Stat("topic", shm.InDir(dir))
	must(t, err)
	t.Logf("%d publications", s.Number)
}

func readAtOnce(t *testing.T, dir string, size int, ways ...string) {
	t.Helper()
	readers := map[string]*child{}
	for _, how := range ways {
		bears := "-"
		if how == "readonly" {
			bears = "overrun"
		}
		readers[how] = spawn(t, "reader", dir, size, how, bears)
	}
	for _, r := range readers {
		r.expect("open")
		r.expect("sees changes")
	}
	time.Sleep(time.Duration(times(200)) * time.Millisecond) // the length of the experiment
	for how, r := range readers {
		r.end()
		var reads, values, refused int
		r.hearf("%d reads of %d values, %d refused", &reads, &values, &refused)
		r.finish()
		t.Logf("%s: %d reads of %d values, %d refused", how, reads, values, refused)
	}
}
