package kernels

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// enoughSpace refuses to begin what would end with a full disk. The need is in MB.
func enoughSpace(dir string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("asking for the free space of %s: %w", dir, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize) / 1e6; free < need {
		return fmt.Errorf("%w: %s has %d MB free, %d MB are needed; free some, or pass --cache DIR on another disk", unix.ENOSPC, dir, free, need)
	}
	return nil
}
