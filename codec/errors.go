package codec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tism-go/tism/shm"
)

// ErrTrailing: bytes follow the value.
var ErrTrailing = errors.New("trailing bytes after the value")

// A DecodeError says which value of a topic does not decode, and where. It is found
// inside the [*shm.OpError] that names the topic. Err is msgp's reason, [ErrTrailing]
// or a [*FieldsError].
type DecodeError struct {
	Number uint64 // of the write, as in [shm.Info]; 0 outside of a topic
	Offset int    // of the first element that cannot be used, in bytes
	Err    error
}

func (e *DecodeError) Error() string {
	if e.Number == 0 {
		return fmt.Sprintf("decoding at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("decoding write %d at byte %d: %v", e.Number, e.Offset, e.Err)
}
func (e *DecodeError) Unwrap() error { return e.Err }

// A FieldsError says that publisher and consumer disagree about the names of fields:
// one has been renamed, or the two were changed apart from each other. It matches
// [shm.ErrType].
type FieldsError struct {
	// The first 20 of each, in the order of the messages.
	Missing []string // names that the program has and the message has not: "pose.yaw", "legs[].east"
	Unknown []string // names that the message has and the program has not
}

func (e *FieldsError) Error() string {
	return fmt.Sprintf("type differs: this program wants %s, which the message lacks, and does not know %s, which it has",
		strings.Join(e.Missing, ", "), strings.Join(e.Unknown, ", "))
}
func (e *FieldsError) Is(target error) bool { return target == shm.ErrType }

// named gives an error of package shm the operation that the caller asked for.
func named(op string, err error) error {
	if e, ok := err.(*shm.OpError); ok {
		return &shm.OpError{Op: op, Topic: e.Topic, Err: e.Err}
	}
	return err
}
