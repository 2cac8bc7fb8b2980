// Package gentest has the types that the tests of gen generate.
package gentest

import (
	"time"

	"github.com/tism-go/tism/cmd/tism/internal/gen/gentest/other"
)

// Cells is how many cells a battery has.
const Cells = 3

// Volt is a voltage.
type Volt float32

// Mode is what the vehicle does.
type Mode uint8

// A Cell of the battery.
type Cell struct {
	ID    uint8
	Volts Volt // at the terminals
}

// Header begins every message.
type Header struct {
	Seq    uint32
	_      [4]byte
	TimeNS int64
}

// Everything has one of all that can be shared.
//
// It "quotes" \ and has a */ in it.
type Everything struct {
	Header
	other.Stamp

	Q        [4]float32 // attitude, w x y z
	Matrix   [2][3]float64
	Cells    [Cells]Cell
	Grid     [2][Cells]Cell
	HTTPCode uint16
	OK       bool
	Mode     Mode
	_        [4]byte
	// Nested is a struct without a name.
	Nested struct {
		GyroRad [3]float32
		Deep    [2]struct {
			X, Y int8
			_    uint16
			Z    int32
		}
		_ [4]byte
	}
	Renamed int64  `tism:"battery_mV"`
	Class   uint32 `json:"class"`
	Type    int16
	Lambda  int8
	Bits    [5]bool
	_       [4]byte
	For     time.Duration
	Z       complex64
	ZZ      [2]complex128
	Größe   float32
	Digit   float32 `tism:"2nd"`
	Pad0    uint8   `tism:"_pad0"`
	Last    other.Temps
	X9Y     uint8
	_       [2]byte
	lower   uint32
	A8      [1][1][1][1][1][1][1][1]uint8
	_       [3]byte
}

// Pair is generic.
type Pair[T any] struct{ A, B T }

// Floats is an instance of a generic type.
type Floats Pair[float32]

// Pairs has two of them.
type Pairs struct {
	F Pair[float32]
	I Pair[int8]
	G Pair[float32]
}

// Same is another name.
type Same = Cell

// Temps is no struct.
type Temps [4]int16

// Level is a number.
type Level float64

// Grid is an array of structs.
type Grid [2][2]Cell

// Clock would have the name of a type of C.
type Clock struct{ T uint32 }

// Acronyms have capitals.
type Acronyms struct {
	HTTPCode, IDNumber, XMLHTTPRequest, A1B2, ABC, AbcDEF, X_Y, GyroX, UTF8Text uint16
	Ünder, ÉX                                                                   uint16
	_                                                                           [2]byte
}

// Plain has names that every language can have.
type Plain struct {
	TimeUS uint64
	Q      [4]float32 // attitude, w x y z
	Cells  [Cells]Cell
	Pos    struct {
		Lat, Lon float64
		Fix      bool
		_        [7]byte
	}
	Matrix [2][3]int16
	Type   uint8
	Self   uint8
	_      [2]byte
	Z      complex64
	ZZ     [2]complex128
	Raw    [40]byte
}

var _ = Everything{}.lower // nothing else uses it
