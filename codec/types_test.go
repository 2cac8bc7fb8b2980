package codec_test

//go:generate go tool msgp -file types_test.go -o types_gen_test.go -io=false -tests=false
//msgp:tuple SampleTuple Frame

// Sample is what the conformance suite publishes: every word follows from Seq.
type Sample struct {
	Seq   uint64     `msg:"seq"`
	Words [24]uint64 `msg:"words"`
}

// SampleTuple is Sample without names.
type SampleTuple struct {
	Seq   uint64
	Words [24]uint64
}

// StatusV1 is a type as its first release had it.
type StatusV1 struct {
	TimeUS uint64  `msg:"t"`
	Mode   string  `msg:"mode"`
	Alt    float32 `msg:"alt"`
	Pose   PoseV1  `msg:"pose"`
	Note   string  `msg:"note,omitempty"`
}

// PoseV1 is a part of StatusV1.
type PoseV1 struct {
	Roll  float32 `msg:"roll"`
	Pitch float32 `msg:"pitch"`
}

// StatusV2 is the second release: fields have been added on both levels.
type StatusV2 struct {
	TimeUS uint64   `msg:"t"`
	Mode   string   `msg:"mode"`
	Alt    float32  `msg:"alt"`
	Volts  float64  `msg:"volts"`
	Pose   PoseV2   `msg:"pose"`
	Legs   []LegV2  `msg:"legs"`
	Note   string   `msg:"note,omitempty"`
	Temp   *float32 `msg:"temp,omitempty"`
}

// PoseV2 is a part of StatusV2.
type PoseV2 struct {
	Roll  float32 `msg:"roll"`
	Pitch float32 `msg:"pitch"`
	Yaw   float32 `msg:"yaw"`
}

// LegV2 is an element of StatusV2.
type LegV2 struct {
	North float64 `msg:"n"`
	East  float64 `msg:"e"`
}

// StatusRenamed is StatusV1 with another name for Alt.
type StatusRenamed struct {
	TimeUS   uint64  `msg:"t"`
	Mode     string  `msg:"mode"`
	Altitude float32 `msg:"altitude"`
	Pose     PoseV1  `msg:"pose"`
	Note     string  `msg:"note,omitempty"`
}

// StatusDeep is StatusV2 with other names for a field of Pose and of an element of Legs.
type StatusDeep struct {
	TimeUS uint64    `msg:"t"`
	Mode   string    `msg:"mode"`
	Alt    float32   `msg:"alt"`
	Volts  float64   `msg:"volts"`
	Pose   PoseDeep  `msg:"pose"`
	Legs   []LegDeep `msg:"legs"`
}

// PoseDeep is a part of StatusDeep.
type PoseDeep struct {
	Roll    float32 `msg:"roll"`
	Pitch   float32 `msg:"pitch"`
	Heading float32 `msg:"heading"`
}

// LegDeep is an element of StatusDeep.
type LegDeep struct {
	North float64 `msg:"n"`
	West  float64 `msg:"w"`
}

// RouteV1 is a list alone.
type RouteV1 struct {
	TimeUS uint64  `msg:"t"`
	Legs   []LegV2 `msg:"legs"`
}

// RouteRenamed is RouteV1 with another name in its elements.
type RouteRenamed struct {
	TimeUS uint64    `msg:"t"`
	Legs   []LegDeep `msg:"legs"`
}

// StatusRetyped is StatusV1 with another type for Mode.
type StatusRetyped struct {
	TimeUS uint64  `msg:"t"`
	Mode   int     `msg:"mode"`
	Alt    float32 `msg:"alt"`
	Pose   PoseV1  `msg:"pose"`
}

// Text has what must be allocated when it is read.
type Text struct {
	Text string `msg:"text"`
}

// Frame has what can be read into memory that is there.
type Frame struct {
	Seq   uint32
	Bytes []byte
	Spans []uint32
}

// Reset keeps the memory of both.
func (f *Frame) Reset() { *f = Frame{Bytes: f.Bytes[:0], Spans: f.Spans[:0]} }

// Hoard is generated without limits, and has everything that hostile bytes could use.
type Hoard struct {
	Lists [][]uint64                 `msg:"lists"`
	Table map[string][]uint64        `msg:"table"`
	Any   any                        `msg:"any"`
	Tree  *Tree                      `msg:"tree"`
	Deep  map[string]map[string]Text `msg:"deep"`
}

// Octets has a list that msgp encodes as an array, not as bytes.
type Octets struct {
	List []uint8 `msg:"list"`
}

// Tree is a type that is nested in itself.
type Tree struct {
	Name string `msg:"name"`
	Kids []Tree `msg:"kids"`
}

// Loan would point into the topic's memory.
type Loan struct {
	Inner struct {
		Bytes []byte `msg:"bytes,zerocopy"`
	} `msg:"inner"`
}
