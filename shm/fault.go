package shm

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// CatchFault calls f and turns a memory fault in it into an error that matches
// [ErrFault]. A topic's file that somebody cuts short (truncate, or a file system
// that loses its pages) makes the next access to it fault, which ends a Go program;
// a program that must not end wraps its reads and guards in CatchFault. Handles
// whose access faulted are to be closed. The other topics are not affected; memfd
// topics cannot fault.
//
// It works for the calling goroutine (debug.SetPanicOnFault) and costs some 10 ns. Other
// panics pass through.
func CatchFault(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		fault, ok := r.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !ok {
			panic(r)
		}
		err = fmt.Errorf("%w: access to %#x", ErrFault, fault.Addr())
	}()
	return f()
}
