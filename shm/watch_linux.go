package shm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A watch tells when something happens to the names in a directory. It sleeps in
// the runtime's poller and holds no thread.
type watch struct{ f *os.File }

func newWatch(dir string) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("inotify: %w: raise fs.inotify.max_user_instances or RLIMIT_NOFILE", err)
	}
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	// A topic appears by link (IN_CREATE) or rename, and changes hands by a touch.
	// IN_DELETE_SELF: the directory went away; whoever waits is to see that.
	const mask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil {
		closeFD(fd)
		if errors.Is(err, unix.ENOSPC) {
			return nil, fmt.Errorf("inotify: %w: raise fs.inotify.max_user_watches", err)
		}
		return nil, explainDir(dir, err)
	}
	return &watch{os.NewFile(uintptr(fd), "inotify")}, nil
}

// wait sleeps until something happened or ctx is done.
func (w *watch) wait(ctx context.Context) error {
	wake := context.AfterFunc(ctx, func() { _ = w.f.SetReadDeadline(time.Unix(1, 0)) })
	defer wake()
	var events [4096]byte // what happened does not matter: the caller looks again
	if _, err := w.f.Read(events[:]); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("inotify: %w", err)
	}
	return nil
}

func (w *watch) close() { _ = w.f.Close() }
