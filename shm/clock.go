package shm

import (
	"time"
	_ "unsafe" // for go:linkname
)

// A Time is a point on CLOCK_MONOTONIC, in nanoseconds. All processes of one
// kernel share the clock (clock_gettime(2)); it does not count time in suspend
// and means nothing after a reboot. 0 is no time.
type Time int64

// nanotime reads CLOCK_MONOTONIC through the vDSO, at a tenth of the cost of the
// system call. Package time keeps the absolute figure to itself; the runtime has
// promised to keep this name (runtime/time_nofake.go), and TestNow compares it
// with clock_gettime.
//
//go:linkname nanotime runtime.nanotime
func nanotime() int64

// Now returns the time.
func Now() Time { return Time(nanotime()) }

// TimeOf converts a time that has a monotonic reading (as [time.Now] returns it)
// to the shared clock; without one it goes by the wall clock.
func TimeOf(t time.Time) Time { return Now() - Time(time.Since(t)) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Age returns how long ago t was, never less than 0.
func (t Time) Age() time.Duration { return max(0, Now().Sub(t)) }
