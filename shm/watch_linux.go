package shm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A watch tells when something happens to the names in a directory. It sleeps in
// the runtime's poller and holds no thread.
type watch struct {
	dir   string
	f     *os.File
	fd    int // of f, whose Fd would make it block
	which int // the kernel's number of the directory
}

func newWatch(dir string) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("inotify: %w: raise fs.inotify.max_user_instances or RLIMIT_NOFILE", err)
	}
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watch{dir: dir, f: os.NewFile(uintptr(fd), "inotify"), fd: fd}
	if err := w.set(); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// The directory itself went away, or is another one now.
const dirGone = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_UNMOUNT

// set watches what has the directory's name.
func (w *watch) set() error {
	// A topic appears by link (IN_CREATE) or rename, and changes hands by a touch.
	const mask = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	which, err := unix.InotifyAddWatch(w.fd, w.dir, mask)
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("inotify: %w: raise fs.inotify.max_user_watches", err)
	}
	if err != nil {
		return explainDir(w.dir, err)
	}
	w.which = which
	return nil
}

// wait sleeps until something happened or ctx is done. When the directory went away and there
// is no other in its place, nothing can happen any more, which is an error.
func (w *watch) wait(ctx context.Context) error {
	wake := context.AfterFunc(ctx, func() { _ = w.f.SetReadDeadline(time.Unix(1, 0)) })
	defer wake()
	var events [4096]byte
	n, err := w.f.Read(events[:])
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("inotify: %w", err)
	}
	if masks(events[:n])&dirGone == 0 {
		return nil // what else happened does not matter: the caller looks again
	}
	_, _ = unix.InotifyRmWatch(w.fd, uint32(w.which)) // one that was moved is watched still
	return w.set()
}

// masks is what happened, all together.
func masks(events []byte) (all uint32) {
	for len(events) >= unix.SizeofInotifyEvent {
		// struct inotify_event: wd, mask, cookie, len, and len bytes of a name
		all |= binary.NativeEndian.Uint32(events[4:])
		name := binary.NativeEndian.Uint32(events[12:])
		events = events[min(unix.SizeofInotifyEvent+int(name), len(events)):]
	}
	return all
}

func (w *watch) close() { _ = w.f.Close() }
