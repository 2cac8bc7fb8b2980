//go:build !linux

package futex

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

func sysWait(*atomic.Uint32, uint32, time.Duration) error {
	return fmt.Errorf("futex wait: %w: needs Linux", errors.ErrUnsupported)
}

func sysWake(*atomic.Uint32, int) int { return 0 }
