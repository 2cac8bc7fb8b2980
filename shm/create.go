package shm

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tism-go/tism/futex"
)

// create makes the topic or takes it over, and publishes the initial value unless
// it is nil. What it returns holds the publisher's role.
func create(name string, c config, geo geometry, initial []byte) (*publisher, error) {
	path, err := topicPath(c.dir, name)
	if err != nil {
		return nil, err
	}
	var p *publisher
	err = retryBusy(c.timeout, func() error {
		p, err = tryCreate(path, name, c, geo, initial)
		return err
	})
	return p, err
}

// tryCreate returns errBusy where the name changed hands and a new look is needed.
func tryCreate(path, name string, c config, geo geometry, initial []byte) (*publisher, error) {
	s, err := openSegment(path, name, publisherAccess)
	if errors.Is(err, fs.ErrNotExist) {
		return build(path, name, c, geo, initial)
	}
	if err != nil {
		if errors.Is(err, ErrNotTopic) || errors.Is(err, ErrVersion) {
			err = fmt.Errorf("%w (%s; remove that file or choose another name)", err, path)
		}
		return nil, err
	}
	if err := claim(s, c, geo); err != nil {
		s.close()
		return nil, err
	}
	p, err := takeOver(s, c, initial)
	if err != nil {
		s.close()
		if errors.Is(err, ErrReplaced) { // by force, in the middle of it
			err = errBusy
		}
		return nil, err
	}
	return p, nil
}

// claim takes the publisher's role on a segment that can be used as it is. If it
// cannot, it clears the name and returns errBusy, so that the next look finds
// nothing there.
func claim(s *segment, c config, geo geometry) error {
	ok, err := lockByte(s.fd, publisherByte)
	switch {
	case err != nil:
		return err
	case !s.named():
		return errBusy
	case s.retired(), ok && !s.usable(geo), !ok && c.replace:
		return orBusy(s.unlinkNamed())
	case !ok && (!s.signed() || s.pub.state.Load() == stateClosed):
		return errBusy // whoever has the role lets go at once, or has not said yet who it is
	case !ok:
		who := s.pub.signature()
		return &who
	}
	return nil
}

func orBusy(err error) error {
	if err == nil {
		return errBusy
	}
	return err
}

// usable reports whether a publisher of geo can go on with the segment.
func (s *segment) usable(geo geometry) bool {
	g := s.geo
	if g.buffers != geo.buffers || g.slots != geo.slots || g.typ.layout() != geo.typ.layout() { // with the capacity
		return false
	}
	b, l := s.newest()
	if b == nil {
		return l == latestNone
	}
	return s.geo.buffers == 1 || b.sequence.Load() == sequenceOf(l) && uint32(b.number&versionMask) == l>>4
}

// build makes a new segment in a file without a name and then names it, so that
// nobody ever sees half a topic.
func build(path, name string, c config, geo geometry, initial []byte) (*publisher, error) {
	fd, temp, err := tempFile(c.dir)
	if err != nil {
		return nil, err
	}
	if temp != "" {
		defer unlink(temp)
	}
	s, err := format(fd, name, c, geo)
	if err != nil {
		return nil, err
	}
	s.path = path
	p, err := takeOver(s, c, initial)
	if err == nil {
		if err = linkFile(fd, temp, path); err == nil {
			return p, nil
		}
		if errors.Is(err, fs.ErrExist) {
			err = errBusy
		} else {
			err = fmt.Errorf("naming the topic: %w", err)
		}
	}
	s.close()
	return nil, err
}

// format makes the segment's file and takes the publisher's role. It owns fd from
// then on.
func format(fd int, name string, c config, geo geometry) (*segment, error) {
	s := &segment{name: name, fd: fd, access: publisherAccess, geo: geo}
	if err := s.format(c); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *segment) format(c config) error {
	if err := setMode(s.fd, c.mode); err != nil {
		return err
	}
	if err := reserve(s.fd, s.geo, c.dir); err != nil {
		return err
	}
	info, err := statFD(s.fd)
	if err != nil {
		return err
	}
	s.id = info.identity
	if err := s.mapIn(); err != nil {
		return err
	}
	copy(s.mem, s.geo.header())
	s.pub.latest.Store(latestNone)
	ok, err := lockByte(s.fd, publisherByte)
	if err == nil && !ok {
		err = fmt.Errorf("%w: the publisher's byte of a new file is taken", ErrCorrupt)
	}
	return err
}

// takeOver makes a publisher on a segment whose role is held, new or inherited.
func takeOver(s *segment, c config, initial []byte) (*publisher, error) {
	if err := s.settle(c); err != nil {
		return nil, err
	}
	p := newPublisher(s, c)
	if c.resume && p.number > 0 {
		if p.torn() {
			return nil, fmt.Errorf("nothing to resume: %w: create the topic without shm.Resume()", ErrTorn)
		}
		initial = nil
	}
	s.pub.want.Store(0)
	s.pub.sign(p.number)
	if ok, err := lockByte(s.fd, signedByte); !ok {
		return nil, orBusy(err)
	}
	before := s.pub.state.Load()
	s.pub.state.Store(stateOpen) // before the initial value, whose reader must not see closed after it
	// Who waits for a publisher, and who slept when the predecessor died between its
	// store and its wake.
	p.ring()
	futex.Wake(s.ctl.notify.Word(), futex.All)
	if initial != nil {
		if err := p.writeBytes(initial); err != nil {
			s.pub.state.Store(before)
			return nil, err
		}
	}
	// Tells those that wait for a publisher (WaitOpen).
	return p, touchFile(s.fd)
}
