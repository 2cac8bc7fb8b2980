package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/tism-go/tism/futex"
)

// access is what a handle may do to the segment.
type access int

const (
	readAccess      access = iota // nothing is written
	consumerAccess                // the control area is writable
	publisherAccess               // all of it is
)

// A segment is one handle's own mapping of a topic, with a descriptor of its own:
// duplicates would share their locks.
type segment struct {
	name   string
	path   string // "" if it was opened by a descriptor
	memfd  bool
	fd     int
	mem    []byte
	access access
	id     identity
	geo    geometry

	pub   *publisherWords
	ctl   *controlWords
	slots []futex.Slot
	bufs  [16]*buffer
}

// topicPath checks the name and returns the file's path.
func topicPath(dir, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	return dir + "/" + name, nil
}

// openSegment opens and maps what has the path. It asks for write permission
// unless access is readAccess; a consumer that is refused it gets readAccess.
func openSegment(path, name string, want access) (*segment, error) {
	fd, err := openFile(path, want != readAccess)
	if want == consumerAccess && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)) {
		want = readAccess
		fd, err = openFile(path, false)
	}
	if err != nil {
		return nil, err
	}
	s, err := newSegment(fd, name, want)
	if err != nil {
		return nil, err
	}
	s.path = path
	return s, nil
}

// newSegment maps an open file and owns the descriptor from then on, also if it
// fails.
func newSegment(fd int, name string, want access) (*segment, error) {
	s, err := loadSegment(fd, name, want)
	if err != nil {
		closeFD(fd)
	}
	return s, err
}

func loadSegment(fd int, name string, want access) (*segment, error) {
	info, err := statFD(fd)
	if err != nil {
		return nil, err
	}
	geo, err := readHeader(fd, info)
	if err != nil {
		return nil, err
	}
	s := &segment{name: name, fd: fd, access: want, id: info.identity, geo: geo}
	return s, s.mapIn()
}

// readHeader reads a private copy of the header and checks that.
func readHeader(fd int, info fileInfo) (geometry, error) {
	if !info.regular {
		return geometry{}, fmt.Errorf("%w: it is no regular file", ErrNotTopic)
	}
	head := make([]byte, min(info.size, headerFixed+maxDescriptor))
	n, err := readAt(fd, head, 0)
	if err != nil {
		return geometry{}, fmt.Errorf("reading the header: %w", err)
	}
	return parseHeader(head[:n], info.size)
}

// mapIn maps the file and lays the words over it.
func (s *segment) mapIn() error {
	var err error
	if s.mem, err = mapSegment(s.fd, s.geo, s.access); err != nil {
		return err
	}
	s.pub, s.ctl, s.slots, s.bufs = s.geo.views(s.mem)
	return nil
}

// settle does what the options say about the pages.
func (s *segment) settle(c config) error {
	if c.lockMemory {
		return lockMemory(s.mem, s.geo)
	}
	if c.prefault {
		return prefault(s.mem, s.geo)
	}
	return nil
}

// close unmaps the segment and gives up every role held through it.
func (s *segment) close() {
	if s.mem != nil {
		unmap(s.mem)
		s.mem = nil
	}
	unlockRoles(s.fd)
	closeFD(s.fd)
}

// named reports whether the topic's name still leads to this file.
func (s *segment) named() bool {
	if s.path == "" {
		return true // nothing is known of a name
	}
	info, err := statPath(s.path)
	return err == nil && info.identity == s.id
}

// unlinked reports whether the file's name was removed. (systemd does that at
// logout, see Dir.)
func (s *segment) unlinked() bool {
	if s.memfd {
		return false
	}
	info, err := statFD(s.fd)
	return err == nil && info.links == 0
}

func (s *segment) retired() bool { return s.pub.retired.Load() != 0 }

// retire marks the segment as replaced or removed and wakes all who wait on it.
func (s *segment) retire() {
	s.pub.retired.Store(1)
	s.ctl.notify.RingAll()
	futex.Wake(&s.pub.lock, futex.All)
}

// unlinkNamed removes the topic's name after it marked the segment retired.
// Everybody who unlinks holds the name byte of the very file that the name leads
// to, so nobody removes a successor by mistake. It returns errBusy when somebody
// else is at it or was faster.
func (s *segment) unlinkNamed() error {
	ok, err := lockByte(s.fd, nameByte)
	if err != nil {
		return err
	}
	if !ok {
		return errBusy
	}
	defer unlockByte(s.fd, nameByte)
	if !s.named() {
		return errBusy
	}
	s.retire()
	if err := unlink(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the old topic: %w", err)
	}
	return nil
}

// errBusy: start again, the name is changing hands.
var errBusy = errors.New("the name is changing hands")

// publisherAlive asks the kernel. It is for others than the publisher.
func (s *segment) publisherAlive() bool { return nextLocked(s.fd, publisherByte, 1) >= 0 }

// signed reports whether who has the publisher's role has said who it is. Until then the
// signature is its predecessor's. Whoever has the role just to look or to remove never does.
func (s *segment) signed() bool { return nextLocked(s.fd, signedByte, 1) >= 0 }

// Segments are the Peers of their lock.

func (s *segment) WriterAlive() bool { return s.publisherAlive() }

// Reap takes the byte of a dead consumer's slot, clears the slot, and lets go.
func (s *segment) Reap(i int) bool {
	ok, err := lockByte(s.fd, slotByte(i))
	if !ok || err != nil {
		return false
	}
	s.slots[i].Clear()
	unlockByte(s.fd, slotByte(i))
	return true
}

// Slots is how many slots the publisher must look at. The word is one that any
// consumer can write to.
func (s *segment) Slots() int { return min(int(s.ctl.hi.Load()&(1<<30-1)), len(s.slots)) }

// Attaching tries again where all slots seem taken, because whoever reaps a dead
// consumer's slot has its byte for some microseconds.
const attachTries = 5

var attachPause = func() { time.Sleep(time.Millisecond) }

// attach takes a free slot for a consumer.
func (s *segment) attach() (int, error) {
	i, err := s.tryAttach()
	for try := 1; try < attachTries && errors.Is(err, ErrNoSlots); try++ {
		attachPause()
		i, err = s.tryAttach()
	}
	return i, err
}

func (s *segment) tryAttach() (int, error) {
	for i := range s.slots {
		ok, err := lockByte(s.fd, slotByte(i))
		if err != nil {
			return 0, err
		}
		if !ok {
			continue
		}
		s.clear(i)
		s.slots[i].User[userPID].Store(uint32(os.Getpid()))
		putCommand(s.slots[i].User[userCommand:userCommand+4], command())
		s.raiseHi(uint32(i) + 1)
		return i, nil
	}
	return 0, fmt.Errorf("%w: all %d are taken: the publisher can create the topic with more (shm.Slots)", ErrNoSlots, len(s.slots))
}

// raiseHi counts a slot in, before its first use. Pairs with the publisher's load
// after each store of its lock word or of latest.
func (s *segment) raiseHi(n uint32) {
	for {
		old := s.ctl.hi.Load()
		if old >= n || s.ctl.hi.CompareAndSwap(old, n) {
			return
		}
	}
}

// detach gives the slot back; the byte goes with the descriptor.
func (s *segment) detach(i int) { s.clear(i) }

// clear empties a slot, of this consumer or of a dead one before it, and tells a
// publisher that may wait for it.
func (s *segment) clear(i int) {
	pinned := s.slots[i].User[userPins].Load() != 0
	s.slots[i].Clear()
	if pinned {
		s.ringFreed()
	}
}

// ringFreed tells a publisher that waits for a buffer that a pin is gone. Pairs with
// its load of freed before it looks at the pins.
func (s *segment) ringFreed() {
	s.ctl.freed.Add(1)
	futex.Wake(&s.ctl.freed, futex.All)
}

// newest returns the buffer that latest names, and latest itself; nil when that
// is impossible.
func (s *segment) newest() (*buffer, uint32) {
	l := s.pub.latest.Load()
	return s.bufs[l&15], l
}

// sequenceOf is what a buffer's sequence says when latest is l.
func sequenceOf(l uint32) uint32 { return l >> 4 << 1 }
