package demo

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"strings"
	"time"

	"github.com/tism-go/tism/cmd/tism/internal/sensors"
	"github.com/tism-go/tism/shm"
)

// maxReadings is how many sensors of a kind a Board has room for.
const maxReadings = 6

// A Board is one sample of this machine's sensors. What it does not have is NaN, and a
// sensor that it does not have has no name.
type Board struct {
	Sequence     uint64  // counts the samples from 1
	Load         float32 // share of CPU time since the sample before
	Memory       float32 // share that is in use
	Received     float64 // bytes since boot
	Sent         float64
	Temperatures [maxReadings]Reading
	IIO          [maxReadings]Reading `tism:"iio"`
	Check        uint32               // of all bytes before it
	_            [4]byte              // the same layout on 32-bit CPUs
}

// A Reading is the value of one sensor. Name and unit are padded with NULs.
type Reading struct {
	Name  [24]byte
	Unit  [8]byte
	Value float32
}

// An Estimate is what the filters make of the Boards so far. It is all the state they
// have, so a successor goes on from the newest one.
type Estimate struct {
	Sequence     uint64 // counts the estimates from 1
	From         uint64 // Board.Sequence of the newest sample in it
	Sampled      int64  // when that was taken, as shm.Time
	Load         float32
	Memory       float32
	Received     float32 // bytes per second
	Sent         float32
	Temperatures [maxReadings]Track
	IIO          [maxReadings]Track `tism:"iio"`
	Check        uint32
	_            [4]byte
}

// A Track is a value and how much it changes in a second.
type Track struct{ Value, Trend float32 }

// A Report is what the monitor has seen so far.
type Report struct {
	Board, Estimate FeedReport
	Skipped         uint64 // samples that no estimate was made from
}

// A FeedReport is what a consumer has seen of a topic. Durations are nanoseconds.
type FeedReport struct {
	Received   uint64 // values
	Missed     uint64 // values that were published and overwritten before they were read
	Torn       uint64 // values whose check was wrong: there must be none
	Disordered uint64 // values that were not the one that their number says: none
	Takeovers  uint64 // changes of the publisher, while this consumer stayed open
	TakenOver  uint64 // number of the first value after the last of them
	Outage     int64  // time without a value around the last of them
	Span       int64  // from the first value to the last
	LongestGap int64  // between two values
	P50        int64  // latency from publish to receipt: half are no later
	P99        int64  // all but one of a hundred
	Max        int64
	Failed     uint32 // the consumer met an error and gave up
	_          [4]byte
}

// sum is the checksum of a message whose own checksum is 0.
func sum(message any) uint32 {
	b, err := binary.Append(nil, binary.LittleEndian, message)
	if err != nil {
		panic(err) // a field without a fixed size, which shm refuses as well
	}
	return crc32.ChecksumIEEE(b)
}

func (b Board) sealed() Board {
	b.Check = 0
	b.Check = sum(b)
	return b
}

func (b Board) whole() bool      { return b.sealed().Check == b.Check }
func (b Board) sequence() uint64 { return b.Sequence }

func (e Estimate) sealed() Estimate {
	e.Check = 0
	e.Check = sum(e)
	return e
}

func (e Estimate) whole() bool      { return e.sealed().Check == e.Check }
func (e Estimate) sequence() uint64 { return e.Sequence }

// newBoard makes a message of a sample.
func newBoard(s sensors.Sample, sequence uint64) Board {
	b := Board{
		Sequence: sequence, Load: float32(s.Load), Memory: float32(s.Memory),
		Received: s.Received, Sent: s.Sent,
	}
	copyReadings(&b.Temperatures, s.Temperatures)
	copyReadings(&b.IIO, s.IIO)
	return b.sealed()
}

func copyReadings(dst *[maxReadings]Reading, src []sensors.Reading) {
	for i := range dst {
		dst[i].Value = nan
		if i < len(src) {
			copy(dst[i].Name[:], src[i].Name)
			copy(dst[i].Unit[:], src[i].Unit)
			dst[i].Value = float32(src[i].Value)
		}
	}
}

var nan = float32(math.NaN())

func isNaN(x float32) bool { return x != x }

// text is what a padded field says.
func text(field []byte) string { return strings.TrimRight(string(field), "\x00") }

// clear removes all topics of a run, whoever uses them.
func clearRun(run string) error {
	list, err := shm.List()
	errs := []error{err}
	for _, s := range list {
		if !strings.HasPrefix(s.Name, run+"-") {
			continue
		}
		if err := shm.RemoveForced(s.Name); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func duration(ns int64) time.Duration { return time.Duration(ns) }
