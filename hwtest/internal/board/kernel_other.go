//go:build !linux

package board

import (
	"os"
	"runtime"
)

func fillFromKernel(f *Facts) {
	f.Kernel, f.Machine = runtime.GOOS, runtime.GOARCH
	f.PageSize = os.Getpagesize()
	f.Usable = runtime.NumCPU()
}

// Interpreter returns "": nobody interprets this program here.
func Interpreter() string { return "" }

func mailboxThrottled() (uint32, bool) { return 0, false }
