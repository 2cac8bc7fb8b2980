package checks

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/shm"
)

// A sample tells by itself whether it is whole, and the number of its publication: every word
// follows from the first, which is the number.
type sample interface {
	[8]uint64 | [128]uint64 | [8192]uint64
}

const (
	small  = 64
	medium = 1 << 10
	large  = 64 << 10
)

const topic = "topic"

// patience is for what must come and has no reason to take long.
const patience = proc.Patience

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

// whole returns an error unless all of the value was written as the publication of that number.
func whole[T sample](v *T, number uint64) error {
	for i := range len(*v) {
		if was := (*v)[i] - uint64(i)<<40; was != number {
			return fmt.Errorf("TORN: in value %d, word %d of %d is of value %d", number, i, len(*v), was)
		}
	}
	return nil
}

// bySize makes a role for samples of each size. The arguments begin with directory and size.
func bySize(s, m, l func(*proc.Actor) error) func(*proc.Actor) error {
	return func(a *proc.Actor) error {
		switch a.Number(1) {
		case small:
			return s(a)
		case medium:
			return m(a)
		case large:
			return l(a)
		}
		return fmt.Errorf("no sample of size %s", a.Args[1])
	}
}

func init() {
	proc.Role("publisher", bySize(publish[[8]uint64], publish[[128]uint64], publish[[8192]uint64]))
	proc.Role("reader", bySize(read[[8]uint64], read[[128]uint64], read[[8192]uint64]))
}

// publish creates its topic or takes it over when it is told to, says so, and when it is told again
// writes as fast as it can. In the end it says how many it has published. Arguments: directory, size,
// buffers.
func publish[T sample](a *proc.Actor) error {
	a.Hear()
	dir := shm.InDir(a.Args[0])
	number := uint64(0)
	if s, err := shm.Stat(topic, dir); err == nil {
		number = s.Number
	}
	v := stamped[T](number + 1)
	p, err := shm.Create(topic, *v, dir, shm.Buffers(a.Number(2)), shm.Timeout(patience))
	if err != nil {
		return err
	}
	a.Say("published %d of %d", number+1, p.TotalWrites())
	a.Hear()
	for number += 2; !a.Over(); number++ {
		if err := publishOne(p, v, number); err != nil {
			return err
		}
	}
	a.Say("%d", p.TotalWrites())
	return p.Close()
}

// publishOne publishes a copy, or in place, by turns.
func publishOne[T sample](p *shm.Publisher[T], v *T, number uint64) error {
	if number%2 == 0 {
		stamp(v, number)
		return p.WriteFrom(v)
	}
	g, err := p.Loan()
	if err != nil {
		return err
	}
	stamp(g.Value(), number)
	return g.Unlock()
}

// read reads until its input ends, and checks each value. It says when it is open, when it has seen
// more than one value, and at the end how often it has read, how many different values, and how often
// there was none to read, which is fair to a reader without a slot. Arguments: directory, size, how to read, and "torn" if a killed publisher may
// have left a torn value.
func read[T sample](a *proc.Actor) error {
	how := a.Args[2]
	opts := []shm.Option{shm.InDir(a.Args[0]), shm.Timeout(patience)}
	if how == "readonly" {
		opts = append(opts, shm.ReadOnly())
	}
	c, err := shm.Open[T](topic, opts...)
	if err != nil {
		return err
	}
	look := ways[T]()[how]
	a.Say("open")
	var reads, values, refused int
	var last uint64
	told := false
	for !a.Over() {
		err := look(c)
		switch number := c.Info().Number; {
		case errors.Is(err, shm.ErrOverrun) && how == "readonly", errors.Is(err, shm.ErrTorn) && a.Has("torn"):
			refused++
		case err != nil:
			return err
		case number < last:
			return fmt.Errorf("number %d after %d: time runs backwards", number, last)
		case number > last:
			values++
			last = number
			fallthrough
		default:
			reads++
		}
		if !told && (values > 1 || refused > 0) {
			a.Say("sees changes")
			told = true
		}
	}
	a.Say("%d %d %d", reads, values, refused)
	return c.Close()
}

// ways are the ways to read. Each reads once and returns an error if the value is torn or not the one
// that its number says.
func ways[T sample]() map[string]func(*shm.Consumer[T]) error {
	v := new(T)
	var seen uint64
	copied := func(c *shm.Consumer[T], err error) error {
		if err != nil {
			return err
		}
		return whole(v, c.Info().Number)
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
	}
}

// inPlace checks a value under its guard, twice: it must not change.
func inPlace[T sample](c *shm.Consumer[T], v *T) error {
	number := c.Info().Number
	if err := whole(v, number); err != nil {
		return err
	}
	if number%64 == 0 {
		runtime.Gosched() // once in a while hold it longer
	}
	if err := whole(v, number); err != nil {
		return fmt.Errorf("under the guard: %w", err)
	}
	return nil
}

// atoi is for what a child has said.
func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
