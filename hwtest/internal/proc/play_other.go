//go:build !linux

package proc

// Play does nothing: children play their roles on Linux.
func Play() {}
