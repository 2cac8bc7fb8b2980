//go:build !linux

package detect

// unameMachine is empty: tism's boards run Linux.
func unameMachine() string { return "" }
