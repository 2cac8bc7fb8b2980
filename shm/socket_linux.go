package shm

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// longAgo as a deadline ends a blocking call.
var longAgo = time.Unix(1, 0)

// sendDescriptor sends the topic's name and, with it, the descriptor.
func sendDescriptor(conn *net.UnixConn, fd int, name string) error {
	_, _, err := conn.WriteMsgUnix([]byte(name+"\n"), unix.UnixRights(fd), nil)
	return err
}

func receiveDescriptor(conn *net.UnixConn) (*os.File, error) {
	name := make([]byte, MaxName+1)
	control := make([]byte, unix.CmsgSpace(4*4))
	n, cn, _, _, err := conn.ReadMsgUnix(name, control)
	if err != nil {
		return nil, err
	}
	fds, err := descriptors(control[:cn])
	if err != nil {
		return nil, err
	}
	if len(fds) != 1 || n < 2 || name[n-1] != '\n' || checkName(string(name[:n-1])) != nil {
		for _, fd := range fds {
			closeFD(fd)
		}
		return nil, fmt.Errorf("%w: a message with %d descriptors", ErrNotTopic, len(fds))
	}
	return os.NewFile(uintptr(fds[0]), string(name[:n-1])), nil
}

func descriptors(control []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotTopic, err)
	}
	for i := range messages {
		if got, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd) // ReadMsgUnix asks for that already (MSG_CMSG_CLOEXEC)
	}
	return fds, nil
}
