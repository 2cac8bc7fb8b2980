//go:build linux

package bindings_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// A peer is a process with at most one publisher and one consumer that a test drives:
// a command per line, an answer per line. Every language has one that does the same
// (c/tests/peer.c). Topics are in $TISM_DIR; descriptor 3 is a Unix socket.
//
//	create HOW KIND NAME BUFFERS N   HOW: new, resume, replace, memfd,
//	                                 hasty, patient (gives up after 20 ms, a minute); N: first value
//	open HOW KIND NAME               HOW: now, wait, reader, patient
//	send, receive KIND               a memfd over the socket, and open it
//	write N                          publish value N
//	lock N                           take the write lock, change the value, keep it locked
//	blast N MS                       publish N, N+1, ... for a while
//	read, next                       "ok N MISSED"
//	rlock, runlock                   "ok N MISSED"; read in place
//	verify HOW MS                    read for a while, each whole and none older; HOW: copy, guards
//	state, changed, writes           of the consumer; writes of both
//	descriptor                       of the topic's type, with ';' for a newline
//	close, remove                    the publisher
//	leave                            the consumer
//
// Answers are "ok ..." or "error NAME". Value N of every kind is a function of N.
type peer struct {
	pub publisher
	sub consumer
}

// servePeer is the Go peer. TestMain runs it in a copy of the test binary.
func servePeer() int {
	var p peer
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		words := strings.Fields(in.Text())
		text, err := p.obey(words[0], append(words[1:], make([]string, 5)...))
		if err != nil {
			fmt.Println("error", errorName(err))
		} else {
			fmt.Println(strings.TrimSpace("ok " + text))
		}
	}
	p.end()
	return 0
}

func (p *peer) end() {
	if p.pub != nil {
		_ = p.pub.Close()
	}
	if p.sub != nil {
		_ = p.sub.Close()
	}
}

func (p *peer) obey(command string, w []string) (string, error) {
	switch command {
	case "create":
		return "", p.create(w[0], w[1], w[2], int(number(w[3])), number(w[4]))
	case "open":
		return "", p.open(w[0], w[1], w[2])
	case "send":
		return "", p.send()
	case "receive":
		return "", p.receive(w[0])
	case "write":
		return "", p.pub.write(number(w[0]))
	case "lock":
		return "", p.pub.lock(number(w[0]))
	case "blast":
		return p.blast(number(w[0]), millis(w[1]))
	case "read":
		return p.value(p.sub.read())
	case "next":
		return p.next()
	case "rlock":
		return p.value(p.sub.rlock())
	case "runlock":
		return "", p.sub.runlock()
	case "verify":
		return p.verify(w[0] == "guards", millis(w[1]))
	case "state":
		return p.sub.State().String(), nil
	case "changed":
		return map[bool]string{true: "1", false: "0"}[p.sub.HasChanged()], nil
	case "writes":
		return p.writes()
	case "descriptor":
		return p.descriptor(), nil
	case "close":
		return "", p.pub.Close()
	case "remove":
		return "", p.pub.Remove()
	case "leave":
		return "", p.sub.Close()
	}
	return "", fmt.Errorf("no command %q", command)
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func millis(s string) time.Duration { return time.Duration(number(s)) * time.Millisecond }

func (p *peer) create(how, kind, name string, buffers int, n uint64) (err error) {
	opts := []shm.Option{shm.Buffers(buffers), shm.Slots(8)}
	switch how {
	case "resume":
		opts = append(opts, shm.Resume())
	case "replace":
		opts = append(opts, shm.Replace())
	case "hasty":
		opts = append(opts, shm.Timeout(20*time.Millisecond))
	case "patient":
		opts = append(opts, shm.Timeout(time.Minute))
	}
	p.pub, err = kinds[kind].create(how == "memfd", name, n, opts)
	return err
}

func (p *peer) open(how, kind, name string) (err error) {
	ctx, cancel := patience()
	defer cancel()
	switch how {
	case "wait":
		p.sub, err = kinds[kind].wait(ctx, name)
	case "reader":
		p.sub, err = kinds[kind].open(name, shm.ReadOnly())
	case "patient":
		p.sub, err = kinds[kind].open(name, shm.Timeout(time.Minute))
	default:
		p.sub, err = kinds[kind].open(name)
	}
	return err
}

// patience is far longer than anything takes.
func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Minute)
}

func socket() (*net.UnixConn, error) {
	c, err := net.FileConn(os.NewFile(3, "socket"))
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

func (p *peer) send() error {
	conn, err := socket()
	if err != nil {
		return err
	}
	defer conn.Close()
	f, err := p.pub.File()
	if err != nil {
		return err
	}
	defer f.Close()
	return shm.SendFile(conn, f)
}

func (p *peer) receive(kind string) error {
	conn, err := socket()
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := patience()
	defer cancel()
	f, err := shm.ReceiveFile(ctx, conn)
	if err != nil {
		return err
	}
	defer f.Close()
	p.sub, err = kinds[kind].openFile(f)
	return err
}

func (p *peer) blast(n uint64, d time.Duration) (string, error) {
	count := uint64(0)
	for start := time.Now(); time.Since(start) < d; count++ {
		if err := p.pub.write(n + count); err != nil {
			return "", err
		}
	}
	return fmt.Sprint(count), nil
}

var errHalf = errors.New("a value that nobody wrote")

func (p *peer) value(n uint64, whole bool, err error) (string, error) {
	if err == nil && !whole {
		err = errHalf
	}
	return fmt.Sprint(n, p.sub.Info().Missed), err
}

func (p *peer) next() (string, error) {
	ctx, cancel := patience()
	defer cancel()
	if err := p.sub.Wait(ctx); err != nil {
		return "", err
	}
	return p.value(p.sub.read())
}

func (p *peer) verify(guards bool, d time.Duration) (string, error) {
	count, last := 0, uint64(0)
	for start := time.Now(); time.Since(start) < d; {
		n, err := p.verifyOne(guards)
		if errors.Is(err, shm.ErrOverrun) {
			continue // which a consumer without a slot may get
		}
		if err == nil && n < last {
			err = errHalf
		}
		if err != nil {
			return "", err
		}
		last = n
		count++
	}
	return fmt.Sprint(count), nil
}

func (p *peer) verifyOne(guard bool) (n uint64, err error) {
	look := p.sub.read
	if guard {
		look = p.sub.rlock
	}
	n, whole, err := look()
	if err == nil && guard {
		err = p.sub.runlock()
	}
	if err == nil && !whole {
		err = errHalf
	}
	return n, err
}

func (p *peer) writes() (string, error) {
	var own, theirs uint64
	var err error
	if p.pub != nil {
		own = p.pub.TotalWrites()
	}
	if p.sub != nil {
		theirs, err = p.sub.TotalWrites()
	}
	return fmt.Sprint(own, theirs), err
}

func (p *peer) descriptor() string {
	typ := shm.Type{}
	if p.pub != nil {
		typ = p.pub.Type()
	} else {
		typ = p.sub.Type()
	}
	return strings.ReplaceAll(typ.String(), "\n", ";")
}

// errorName is what the peers of all languages call an error.
func errorName(err error) string {
	names := []struct {
		err  error
		name string
	}{
		{fs.ErrNotExist, "not-exist"}, {shm.ErrClosed, "over"}, {shm.ErrReplaced, "over"},
		{shm.ErrType, "type"}, {shm.ErrVersion, "version"}, {shm.ErrLive, "live"},
		{shm.ErrNotTopic, "not-topic"}, {shm.ErrTimeout, "timeout"}, {shm.ErrTorn, "torn"},
		{shm.ErrEmpty, "empty"}, {shm.ErrReadOnly, "read-only"}, {shm.ErrOverrun, "overrun"},
		{shm.ErrLeaseLost, "lease"}, {errHalf, "half"},
	}
	for _, n := range names {
		if errors.Is(err, n.err) {
			return n.name
		}
	}
	return err.Error()
}

func TestMain(m *testing.M) {
	if os.Getenv("TISM_TEST_PEER") != "" {
		os.Exit(servePeer())
	}
	code := m.Run()
	removeBuilds()
	os.Exit(code)
}
