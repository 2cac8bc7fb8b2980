//go:build linux

package shm_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tism-go/tism/shm"
)

func init() { helpers["bereft"] = bereft }

// bereft tells for each line whether its topic has lost its name, and writes. Args:
// directory.
func bereft(a *actor) {
	p := create(a, a.args[0], *stamped[[8]uint64](1))
	for {
		a.say("unlinked: %v", p.Unlinked())
		a.hear()
		must(a, writeNext(p))
	}
}

// Somebody (systemd at logout) deletes a topic's file under its users. They go on as long
// as they live, and can know. Once the publisher is gone nobody waits in vain for another.
func TestDeletedUnderUsers(t *testing.T) {
	for _, how := range []struct {
		name string
		opts []shm.Option
	}{{"consumer", nil}, {"reader", []shm.Option{shm.ReadOnly()}}} {
		t.Run(how.name, func(t *testing.T) {
			dir := t.TempDir()
			p := spawn(t, "bereft", dir)
			p.expect("unlinked: false")
			c := open[[8]uint64](t, dir, how.opts...)
			idle := open[[8]uint64](t, dir)
			_, err := c.Read()
			must(t, err)
			verify(t, "Unlinked before", c.Unlinked(), false)

			must(t, os.Remove(filepath.Join(dir, "topic")))
			verify(t, "Unlinked after", c.Unlinked(), true)
			p.send("write")
			p.expect("unlinked: true")
			u, err := c.NextTimeout(patience)
			must(t, err)
			verify(t, "next number", u.Number, 2)

			waiting := make(chan error)
			go func() {
				_, err := c.NextTimeout(patience)
				waiting <- err
			}()
			p.kill()
			wantErr(t, "Next after the publisher's death", <-waiting, shm.ErrReplaced)
			v, err := idle.Read()
			must(t, err)
			verify(t, "the last value", v[0], 2)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err = shm.WaitAny(ctx, idle)
			wantErr(t, "WaitAny after the publisher's death", err, shm.ErrReplaced)
			wantErr(t, "WaitPublisher after the publisher's death", idle.WaitPublisher(ctx), shm.ErrReplaced)

			// The name is free.
			create(t, dir, *stamped[[8]uint64](1))
			open[[8]uint64](t, dir)
		})
	}
}
