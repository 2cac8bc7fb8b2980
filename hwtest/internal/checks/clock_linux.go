package checks

import (
	"fmt"
	"sync/atomic"

	"github.com/tism-go/tism/shm"
)

// A baton is handed back and forth between two sides, with the time of the handing over.
type baton struct {
	turn atomic.Uint32
	at   shm.Time // whose turn it is has it
}

func (b *baton) side(me uint32) func() (int, error) {
	return func() (rounds int, err error) {
		for range batch {
			if b.turn.Load()%2 != me {
				continue
			}
			now := shm.Now()
			if now < b.at {
				err = fmt.Errorf("the clock of this CPU is %d ns behind another's", b.at-now)
			}
			b.at = shm.Now()
			b.turn.Add(1)
			rounds++
		}
		return rounds, err
	}
}
