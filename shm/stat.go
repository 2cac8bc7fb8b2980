package shm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// A Status is what can be said of a topic from outside.
type Status struct {
	Name      string
	Path      string
	Type      Type
	Buffers   int
	Slots     int
	Memory    int64 // bytes that are reserved
	Mode      fs.FileMode
	UID       uint32
	State     State
	PID       int    // of the publisher, as it said itself
	Command   string // of the publisher
	Consumers []ConsumerStatus
	Number    uint64        // publications over the topic's whole life
	Writes    uint64        // publications since the last Create
	Size      int           // bytes of the newest value
	Age       time.Duration // since the newest value's publication; -1 if its publisher keeps no time
	SampleAge time.Duration // since the newest value's sample; -1 likewise
	Torn      bool          // the newest value is half written: see [ErrTorn]
	Err       error         // why the rest is not known: from List, of a file that is not a topic of this version
}

// A ConsumerStatus is a consumer with a slot. Those that only read have none.
type ConsumerStatus struct {
	Slot    int
	PID     int    // as the consumer said itself
	Command string // likewise
	Holding bool   // it holds a guard
}

// Stat tells about a topic without disturbing anybody: it takes no slot, locks
// nothing, writes nothing and maps nothing. Read permission is enough. Errors are as
// those of [Open].
func Stat(name string, opts ...Option) (Status, error) {
	c, err := configure(opts)
	if err != nil {
		return Status{}, &OpError{Op: "stat", Topic: name, Err: err}
	}
	s, err := stat(c.dir, name)
	if err != nil {
		return Status{}, &OpError{Op: "stat", Topic: name, Err: err}
	}
	return s, nil
}

// List returns the status of every topic in the directory (see [InDir]), sorted by
// name. Of a topic that this version cannot read, and of one that this user may not
// read, it returns the name and Err; files that are no topics are left out. A
// directory that cannot be read is an error.
func List(opts ...Option) ([]Status, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, &OpError{Op: "list", Topic: "*", Err: err}
	}
	entries, err := os.ReadDir(c.dir) // which sorts
	if err != nil {
		return nil, &OpError{Op: "list", Topic: "*", Err: explainDir(c.dir, err)}
	}
	var list []Status
	for _, e := range entries {
		if !e.Type().IsRegular() || checkName(e.Name()) != nil {
			continue
		}
		s, err := stat(c.dir, e.Name())
		if errors.Is(err, ErrNotTopic) || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			s = Status{Name: e.Name(), Path: c.dir + "/" + e.Name(), Err: &OpError{Op: "stat", Topic: e.Name(), Err: err}}
		}
		list = append(list, s)
	}
	return list, nil
}

func stat(dir, name string) (Status, error) {
	path, err := topicPath(dir, name)
	if err != nil {
		return Status{}, err
	}
	fd, err := openFile(path, false)
	if err != nil {
		return Status{}, err
	}
	defer closeFD(fd)
	info, err := statFD(fd)
	if err != nil {
		return Status{}, err
	}
	geo, err := readHeader(fd, info)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Name: name, Path: path, Type: geo.typ, Buffers: geo.buffers, Slots: geo.slots,
		Memory: geo.used(), Mode: info.mode, UID: info.uid,
	}
	r := remote{fd: fd, geo: geo}
	if err := r.publisher(&s); err != nil {
		return Status{}, err
	}
	if err := r.consumers(&s); err != nil {
		return Status{}, err
	}
	return s, r.newest(&s)
}

// A remote reads a segment's words with pread instead of mapping them: it cannot fault
// and leaves no trace. A word of 4 bytes is copied in one piece (it does not cross a
// page, and the kernel copies aligned words whole).
type remote struct {
	fd  int
	geo geometry
}

func (r remote) words(off, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := readAt(r.fd, b, off)
	if err == nil && got < len(b) {
		err = fmt.Errorf("%w: the file was cut short", ErrNotTopic)
	}
	return b, err
}

func (r remote) publisher(s *Status) error {
	b, err := r.words(publisherOff, publisherLen)
	if err != nil {
		return err
	}
	word := func(off uintptr) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	s.PID = int(word(offPID))
	s.Command = commandText(b[offCommand:][:16])
	s.Writes = uint64(word(offBaseLo)) | uint64(word(offBaseHi))<<32
	alive := nextLocked(r.fd, publisherByte, 1) >= 0
	switch {
	case word(offRetired) != 0:
		s.State = Replaced
	case word(offState) == stateClosed:
		s.State = Closed
	case alive:
		s.State = Alive
	default:
		s.State = Died
	}
	const writing = 2 // futex.RWLock's word
	s.Torn = r.geo.buffers == 1 && !alive && word(offLock)&3 == writing
	return nil
}

// consumers asks the kernel which slots are taken.
func (r remote) consumers(s *Status) error {
	end := slotByte(r.geo.slots)
	for at := nextLocked(r.fd, slotByte(0), end-slotByte(0)); at >= 0; {
		i := int(at - slotByte(0))
		b, err := r.words(controlOff+controlHead+int64(i)*slotLen, slotLen)
		if err != nil {
			return err
		}
		le := binary.LittleEndian
		s.Consumers = append(s.Consumers, ConsumerStatus{
			Slot:    i,
			PID:     int(le.Uint32(b[4*(1+userPID):])),
			Command: commandText(b[4*(1+userCommand):][:16]),
			Holding: le.Uint32(b) == 1 || le.Uint32(b[4*(1+userPins):]) != 0,
		})
		if at++; at >= end {
			break
		}
		at = nextLocked(r.fd, at, end-at)
	}
	return nil
}

// newest reads the head of the newest buffer, again if it changed meanwhile.
func (r remote) newest(s *Status) error {
	for range 100 {
		l, err := r.latest()
		if err != nil {
			return err
		}
		if l == latestNone {
			s.Age, s.SampleAge, s.Writes = -1, -1, 0
			return nil
		}
		if l&15 >= uint32(r.geo.buffers) {
			return fmt.Errorf("%w: latest is %#x with %d buffers", ErrCorrupt, l, r.geo.buffers)
		}
		off := int64(r.geo.buffersOff()) + int64(l&15)*int64(r.geo.stride())
		b, err := r.words(off, bufferHead)
		if err != nil {
			return err
		}
		again, err := r.latest()
		if err != nil {
			return err
		}
		le := binary.LittleEndian
		if again == l && le.Uint32(b) == sequenceOf(l) {
			length := le.Uint32(b[offLength:])
			if int64(length) > int64(r.geo.capacity) {
				return fmt.Errorf("%w: length %d with a capacity of %d", ErrCorrupt, length, r.geo.capacity)
			}
			base := s.Writes
			s.Size = int(length)
			s.Number = le.Uint64(b[offNumber:])
			s.Writes = s.Number - min(base, s.Number)
			s.Age = age(Time(le.Uint64(b[offPublished:])))
			s.SampleAge = age(Time(le.Uint64(b[offSampled:])))
			return nil
		}
		runtime.Gosched()
	}
	// Too fast for us, or torn: the version is all that can be said.
	s.Age, s.SampleAge = -1, -1
	l, err := r.latest()
	s.Number = uint64(l >> 4)
	s.Writes = s.Number - min(s.Writes, s.Number)
	return err
}

func (r remote) latest() (uint32, error) {
	b, err := r.words(publisherOff+int64(offLatest), 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func age(t Time) time.Duration {
	if t == 0 {
		return -1
	}
	return t.Age()
}
