//go:build linux

package shm

import "testing"

// WithoutWaitv has WaitAny do what it does on a kernel without futex_waitv, for a test.
func WithoutWaitv(t testing.TB) {
	had := haveWaitv
	haveWaitv = func() bool { return false }
	t.Cleanup(func() { haveWaitv = had })
}
