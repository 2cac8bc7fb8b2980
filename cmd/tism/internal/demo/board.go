package demo

import (
	"context"
	"time"

	"github.com/tism-go/tism/cmd/tism/internal/sensors"
	"github.com/tism-go/tism/shm"
)

// board publishes samples of this machine's sensors at a fixed rate.
func (p *Part) board(ctx context.Context) error {
	machine := sensors.Open("/")
	sequence := uint64(1)
	out, err := shm.Create(p.topic(topicBoard), newBoard(machine.Sample(), sequence))
	if err != nil {
		return err
	}
	defer out.Close()
	tick := time.NewTicker(time.Second / time.Duration(p.rate))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		sampled := shm.Now() // before, so that a slow sensor counts as age
		sequence++
		if err := out.WriteAt(newBoard(machine.Sample(), sequence), sampled); err != nil {
			return err
		}
	}
}
