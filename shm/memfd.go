package shm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// createMem is create for a topic without a name.
func createMem(name string, c config, geo geometry, initial []byte) (*publisher, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	fd, err := memFile(name)
	if err != nil {
		return nil, err
	}
	c.dir = "" // no directory to look for free space in
	s, err := format(fd, name, c, geo)
	if err != nil {
		return nil, err
	}
	s.memfd = true
	p, err := takeOver(s, c, initial)
	if err == nil {
		err = seal(fd)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return p, nil
}

// OpenFile opens the topic behind a descriptor that was inherited or received, of a
// memfd or of a named topic. It opens the file anew and leaves f to the caller,
// because a descriptor that was passed on shares its locks with the sender's. That
// needs /proc and permission to the file; with only read permission the consumer has
// no slot, as with [Open]. f's name is the topic's for messages. A memfd must be
// sealed, so that it cannot be cut short under its users. Errors are those of Open.
func OpenFile[T any](f *os.File, opts ...Option) (*Consumer[T], error) {
	return openTyped[T](f.Name(), opts, func(c config, want Type) (*segment, error) {
		return openDescriptor(f, c, want)
	})
}

// OpenFileBytes is OpenFile for any topic, as [OpenBytes] opens it.
func OpenFileBytes(f *os.File, opts ...Option) (*BytesConsumer, error) {
	return openBytes(f.Name(), opts, func(c config, want Type) (*segment, error) {
		return openDescriptor(f, c, want)
	})
}

func openDescriptor(f *os.File, c config, want Type) (*segment, error) {
	access, fd, err := reopenFile(f, c.readOnly)
	if err != nil {
		return nil, err
	}
	s, err := newSegment(fd, f.Name(), access)
	if err != nil {
		return nil, err
	}
	s.memfd = isMemFile(fd)
	info, err := statFD(fd)
	if err == nil && info.links == 0 && !s.memfd {
		err = fmt.Errorf("%w: neither a sealed memfd nor a file with a name", ErrNotTopic)
	}
	if err == nil {
		err = s.admit(c, want)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func reopenFile(f *os.File, readOnly bool) (access, int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, -1, fmt.Errorf("%w: %w", ErrHandle, err)
	}
	fd, how := -1, consumerAccess
	var openErr error
	err = raw.Control(func(old uintptr) {
		if !readOnly {
			if fd, openErr = reopen(int(old), true); !errors.Is(openErr, os.ErrPermission) {
				return
			}
		}
		how = readAccess
		fd, openErr = reopen(int(old), false)
	})
	return how, fd, errors.Join(err, openErr)
}

// SendFile sends a descriptor of the topic's file over a Unix socket, to be received
// with [ReceiveFile]. f is what [Publisher.File] returns. It blocks as long as the
// connection's write deadline allows.
func SendFile(conn *net.UnixConn, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return &OpError{Op: "send", Topic: f.Name(), Err: err}
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) { sendErr = sendDescriptor(conn, int(fd), f.Name()) })
	if err = errors.Join(err, sendErr); err != nil {
		return &OpError{Op: "send", Topic: f.Name(), Err: err}
	}
	return nil
}

// ReceiveFile receives what [SendFile] sent: a file to pass to [OpenFile] and then to
// close. It blocks as long as ctx and the connection's read deadline allow; a
// message that carries no descriptor is an error that matches [ErrNotTopic]. When ctx
// ends it, the connection is left without a read deadline.
func ReceiveFile(ctx context.Context, conn *net.UnixConn) (*os.File, error) {
	cancelled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetReadDeadline(longAgo)
		close(cancelled)
	})
	f, err := receiveDescriptor(conn)
	if !stop() {
		<-cancelled
		_ = conn.SetReadDeadline(time.Time{})
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &OpError{Op: "receive", Topic: "?", Err: err}
	}
	return f, nil
}
