//go:build linux

package shm

import (
	"testing"
	"time"
	_ "unsafe" // for go:linkname
)

//go:linkname firstSlice github.com/tism-go/tism/futex.firstSlice
var firstSlice time.Duration

//go:linkname lastSlice github.com/tism-go/tism/futex.lastSlice
var lastSlice time.Duration

// noSlices makes every sleeper rely on being woken for the length of a test.
func noSlices(t *testing.T) {
	first, last := firstSlice, lastSlice
	firstSlice, lastSlice = time.Hour, time.Hour
	t.Cleanup(func() { firstSlice, lastSlice = first, last })
}
