package term

import (
	"os"

	"golang.org/x/sys/unix"
)

func windowSize(f *os.File) (cols, rows int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}
