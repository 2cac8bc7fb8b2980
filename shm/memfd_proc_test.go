//go:build linux

package shm_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/shm"
)

func init() {
	helpers["heir"] = inherit
	helpers["sender"] = sendMem
	helpers["receiver"] = receiveMem
}

// inherit opens the topic behind descriptor 3 and follows it until its publisher closes it.
func inherit(a *actor) {
	f := os.NewFile(3, "inherited")
	c, err := shm.OpenFile[[8]uint64](f)
	must(a, err)
	must(a, f.Close())
	follow(a, c)
}

// follow tells each value until the topic is over, and then what has become of it.
func follow(a *actor, c *shm.Consumer[[8]uint64]) {
	for u, err := range c.Updates(a.Context()) {
		if err != nil {
			a.say("%s, %v", reason(err), c.State())
			break
		}
		if !whole(&u.Value, u.Number) {
			a.Fatal(tornError(&u.Value, u.Number))
		}
		a.say("value %d, has slot: %v, %v", u.Number, c.CanWrite(), c.State())
	}
	must(a, c.Close())
}

// A child that inherits a memfd is a consumer with a slot of its own, and knows that the
// publisher lives, though the descriptor may be the publisher's own.
func TestMemfdInherited(t *testing.T) {
	for name, share := range map[string]func(*shm.Publisher[[8]uint64]) (*os.File, error){
		"file": (*shm.Publisher[[8]uint64]).File,
		"duplicate": func(p *shm.Publisher[[8]uint64]) (*os.File, error) {
			fd, err := unix.FcntlInt(p.Fd(), unix.F_DUPFD_CLOEXEC, 0)
			return os.NewFile(uintptr(fd), "duplicate"), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := shm.CreateMem("mem", *stamped[[8]uint64](1))
			must(t, err)
			f, err := share(p)
			must(t, err)
			c, err := trySpawn(t, func(cmd *exec.Cmd) { cmd.ExtraFiles = []*os.File{f} }, "heir")
			must(t, err)
			must(t, f.Close())
			c.expect("value 1, has slot: true, alive")
			for number := uint64(2); number < 10; number++ {
				must(t, p.WriteFrom(stamped[[8]uint64](number)))
				c.expect(fmt.Sprintf("value %d, has slot: true, alive", number))
			}
			must(t, p.Close())
			c.expect("closed, closed")
			c.finish()
		})
	}
}

// sendMem publishes in a memfd and sends it to whoever connects. Args: the socket's path.
func sendMem(a *actor) {
	p, err := shm.CreateMem("mem", *stamped[[8]uint64](1))
	must(a, err)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: a.args[0], Net: "unix"})
	must(a, err)
	a.say("listens")
	for range 2 {
		conn, err := l.AcceptUnix()
		must(a, err)
		f, err := p.File()
		must(a, err)
		must(a, shm.SendFile(conn, f))
		must(a, f.Close())
		must(a, conn.Close())
	}
	for {
		a.hear()
		must(a, p.WriteFrom(stamped[[8]uint64](p.TotalWrites()+1)))
	}
}

func dialMem(t testing.TB, socket string) *shm.Consumer[[8]uint64] {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	must(t, err)
	f, err := shm.ReceiveFile(t.Context(), conn)
	must(t, err)
	must(t, conn.Close())
	verify(t, "the file's name", f.Name(), "mem")
	c, err := shm.OpenFile[[8]uint64](f)
	must(t, err)
	must(t, f.Close())
	return c
}

// receiveMem receives a memfd topic and follows it. Args: the socket's path.
func receiveMem(a *actor) { follow(a, dialMem(a, a.args[0])) }

// A memfd travels over a Unix socket to processes that are no relatives. Its publisher's
// death is noticed, and its last value can still be read; who waits for more is told that
// none will come.
func TestMemfdOverSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	p := spawn(t, "sender", socket)
	p.expect("listens")
	c := dialMem(t, socket)
	follower := spawn(t, "receiver", socket)
	follower.expect("value 1, has slot: true, alive")
	for number := uint64(2); number < 10; number++ {
		p.send("write")
		follower.expect(fmt.Sprintf("value %d, has slot: true, alive", number))
	}
	verify(t, "state", c.State(), shm.Alive)
	p.kill()
	verify(t, "state after the kill", c.State(), shm.Died)
	v, err := c.Read()
	must(t, err)
	verify(t, "last value", v[0], 9)
	must(t, c.Close())
	follower.expect("replaced, died")
	follower.finish()
}
