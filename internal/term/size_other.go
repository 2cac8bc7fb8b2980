//go:build !linux

package term

import "os"

func windowSize(*os.File) (cols, rows int, ok bool) { return 0, 0, false }
