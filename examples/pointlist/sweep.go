package main

//go:generate go tool msgp -io=false -tests=false
//msgp:limit arrays:2000 maps:16

// A Sweep is what a lidar sees in one turn: a list that is never as long as the last one.
type Sweep struct {
	TimeUS uint64  `msg:"t"`
	Points []Point `msg:"points"`
}

// Reset lets a sweep be read into the memory of an older one. The points are tuples,
// which are always written whole.
func (s *Sweep) Reset() { *s = Sweep{Points: s.Points[:0]} }

// MsgLimited says that the limits above hold for every list in a sweep.
func (*Sweep) MsgLimited() {}

//msgp:tuple Point

// A Point is an echo: a tuple, without the names of its fields, as there are many.
type Point struct {
	X, Y, Z   float32
	Intensity uint8
}
