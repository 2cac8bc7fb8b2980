//go:build linux

package shm_test

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// TestGuardHandshake lets a consumer take guards as fast as it can while a publisher writes
// as fast as it can, both in this process so that nothing is slow. A pin that the publisher
// does not see in time, for want of a fence or of a second look at latest, shows as a value
// that changes under its guard. How often depends on the machine: it takes two CPUs.
func TestGuardHandshake(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs")
	}
	if os.Getenv("TISM_EMULATED") != "" && runtime.GOARCH == "arm64" {
		t.Skip("QEMU lets an arm64 LDAR pass an earlier STLR, which no real CPU does")
	}
	for name, opts := range map[string][]shm.Option{
		"1 buffer":  {shm.Buffers(1)},
		"2 buffers": {shm.Buffers(2)},
		"3 buffers": {shm.Buffers(3)},
	} {
		opts = append(opts, shm.NoTimestamps())
		t.Run(name, func(t *testing.T) {
			guardHandshake(t, append(opts, shm.InDir(t.TempDir())), (*shm.Consumer[uint64]).RLock)
		})
		t.Run(name+", by way of pin", func(t *testing.T) {
			guardHandshake(t, append(opts, shm.InDir(t.TempDir())), func(c *shm.Consumer[uint64]) (shm.ReadGuard[uint64], error) {
				return c.RLockContext(context.Background())
			})
		})
	}
}

func guardHandshake(t *testing.T, opts []shm.Option, lock func(*shm.Consumer[uint64]) (shm.ReadGuard[uint64], error)) {
	p, err := shm.Create("t", uint64(1), opts...)
	must(t, err)
	c, err := shm.Open[uint64]("t", opts...)
	must(t, err)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for i := uint64(2); ; i++ { // the value is the publication's number
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := p.Write(i); err != nil {
				stopped <- err
				return
			}
		}
	}()
	guards := 0
	for start := time.Now(); time.Since(start) < 300*time.Millisecond; guards++ {
		for range 50 {
			g, err := lock(c)
			must(t, err)
			want, number := *g.Value(), g.Info().Number
			for i := range 20 {
				if v := *g.Value(); v != want || v != number {
					t.Fatalf("after %d guards and %d looks: %d under a guard on number %d that began as %d", guards, i, v, number, want)
				}
			}
			must(t, g.Unlock())
		}
	}
	close(stop)
	must(t, <-stopped)
	must(t, c.Close())
	must(t, p.Close())
}
