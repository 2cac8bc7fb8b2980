//go:build linux

package shm

import (
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A message that is not one of SendFile's is refused, and leaves no descriptor behind (which
// TestMain would find).
func TestReceiveNonsense(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		c, err := net.FileConn(f)
		must(t, err)
		must(t, f.Close())
		defer c.Close()
		conns[i] = c.(*net.UnixConn)
	}
	p, err := CreateMem("mem", uint64(1))
	must(t, err)
	defer p.Close()
	f, err := p.File()
	must(t, err)
	defer f.Close()
	raw := int(f.Fd())
	for what, m := range map[string]struct {
		text string
		fds  []int
	}{
		"no descriptor":   {"mem\n", nil},
		"two descriptors": {"mem\n", []int{raw, raw}},
		"no name":         {"\n", []int{raw}},
		"a path":          {"../mem\n", []int{raw}},
		"no end":          {"mem!", []int{raw}},
	} {
		var rights []byte
		if m.fds != nil {
			rights = unix.UnixRights(m.fds...)
		}
		_, _, err := conns[0].WriteMsgUnix([]byte(m.text), rights, nil)
		must(t, err)
		got, err := ReceiveFile(t.Context(), conns[1])
		wantErr(t, what, err, ErrNotTopic)
		if err == nil {
			must(t, got.Close())
		}
	}
	must(t, SendFile(conns[0], f))
	got, err := ReceiveFile(t.Context(), conns[1])
	must(t, err)
	check(t, "name", got.Name(), "mem")
	must(t, got.Close())
}

// A memfd that could still be cut short, or grow, is no topic.
func TestHalfSealed(t *testing.T) {
	p, err := CreateMem("mem", uint64(1))
	must(t, err)
	defer p.Close()
	for seals, want := range map[int]error{0: ErrNotTopic, unix.F_SEAL_SHRINK: ErrNotTopic, unix.F_SEAL_GROW: ErrNotTopic, sizeSeals: nil} {
		fd, err := memFile("copy")
		must(t, err)
		f := os.NewFile(uintptr(fd), "copy")
		_, err = f.Write(p.seg.mem)
		must(t, err)
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		must(t, err)
		c, err := OpenFile[uint64](f)
		wantErr(t, "OpenFile", err, want)
		if err == nil {
			must(t, c.Close())
		}
		must(t, f.Close())
	}
}

// Where the kernel does not say who lives, everybody does.
func TestUnknownIsAlive(t *testing.T) {
	check(t, "the byte that is locked", nextLocked(-1, publisherByte, 1), publisherByte)
	ok, err := lockByte(-1, publisherByte)
	check(t, "taken", ok, false)
	wantErr(t, "lockByte", err, unix.EBADF)
}

// What fallocate does where a file system has none.
func TestWriteZeros(t *testing.T) {
	fd, err := memFile("zeros")
	must(t, err)
	f := os.NewFile(uintptr(fd), "zeros")
	defer f.Close()
	ones := make([]byte, 200_000)
	for i := range ones {
		ones[i] = 1
	}
	_, err = f.Write(ones)
	must(t, err)
	must(t, writeZeros(fd, span{off: 10, len: 150_000}))
	_, err = f.ReadAt(ones, 0)
	must(t, err)
	for i, b := range ones {
		if zero := i >= 10 && i < 150_010; zero != (b == 0) {
			t.Fatalf("byte %d is %d", i, b)
		}
	}
}
