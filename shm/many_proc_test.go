//go:build linux

package shm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tism-go/tism/shm"
)

func init() { helpers["crowd"] = crowd }

// crowd opens many consumers of a topic, and then has each wait for the value that the
// parent names. Args: directory, how many.
func crowd(a *actor) {
	consumers := make([]*shm.Consumer[[8]uint64], a.number(1))
	for i := range consumers {
		consumers[i] = open[[8]uint64](a, a.args[0])
	}
	a.say("open")
	for {
		var last uint64
		_, err := fmt.Sscan(a.hear(), &last)
		must(a, err)
		for _, c := range consumers {
			for c.Info().Number < last {
				u, err := c.Next(context.Background())
				must(a, err)
				if !whole(&u.Value, u.Number) {
					a.Fatal(tornError(&u.Value, u.Number))
				}
			}
		}
		a.say("all have %d", last)
	}
}

// 64 consumers in 8 processes all see the last value; there is no room for a 65th, until
// their processes are gone.
func TestManyConsumers(t *testing.T) {
	const processes, each = 8, 8
	dir := t.TempDir()
	p := create(t, dir, *stamped[[8]uint64](1), shm.Slots(processes*each))
	var crowds []*child
	for range processes {
		crowds = append(crowds, spawn(t, "crowd", dir, each))
	}
	for _, c := range crowds {
		c.expect("open")
	}
	_, err := shm.Open[[8]uint64]("topic", shm.InDir(dir))
	wantErr(t, "consumer 65", err, shm.ErrNoSlots)
	verify(t, "consumers", len(list(t, dir)[0].Consumers), processes*each)

	for round := range 20 {
		last := p.TotalWrites() + 50
		for i, c := range crowds {
			if (i+round)%2 == 0 { // wait while it writes; the others find it written
				c.send("%d", last)
			}
		}
		for p.TotalWrites() < last {
			must(t, writeNext(p))
		}
		for i, c := range crowds {
			if (i+round)%2 != 0 {
				c.send("%d", last)
			}
			c.expect(fmt.Sprint("all have ", last))
		}
	}

	for _, c := range crowds[1:] {
		c.kill()
	}
	for range (processes - 1) * each {
		c := open[[8]uint64](t, dir)
		v, err := c.Read()
		must(t, err)
		verify(t, "what a successor of the dead reads", v[0], p.TotalWrites())
	}
	_, err = shm.Open[[8]uint64]("topic", shm.InDir(dir))
	wantErr(t, "consumer 65 of the second crowd", err, shm.ErrNoSlots)
	crowds[0].finish()
	open[[8]uint64](t, dir)
}

// A consumer that has only to look needs no slot.
func TestMoreConsumersThanSlots(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, *stamped[[8]uint64](1), shm.Slots(1))
	open[[8]uint64](t, dir)
	_, err := shm.Open[[8]uint64]("topic", shm.InDir(dir))
	if !errors.Is(err, shm.ErrNoSlots) {
		t.Fatal(err)
	}
	c := open[[8]uint64](t, dir, shm.ReadOnly())
	v, err := c.Read()
	must(t, err)
	verify(t, "value", v[0], 1)
}
