package codec_test

//go:generate go tool msgp -file bench_types_test.go -o bench_types_gen_test.go -io=false -tests=false
//msgp:limit arrays:4096 maps:64

// The payloads of the benchmarks have a fixed layout, so that a plain struct topic can
// carry them too, and are encoded in two ways: as tuples, and as maps with the names of the
// fields. The sizes are those of the encoded form, roughly.

//msgp:tuple Small Medium Large Cell Point

// Small is 64 bytes.
type Small struct {
	TimeUS uint64
	Q      [4]float32
	Rates  [3]float32
	Alt    float32
	Climb  float32
	Flags  uint32
	Volts  float32
}

// SmallMap is 64 bytes with names, which leave room for less.
type SmallMap struct {
	TimeUS uint64     `msg:"t"`
	Q      [4]float32 `msg:"q"`
	Alt    float32    `msg:"alt"`
	Climb  float32    `msg:"climb"`
	Flags  uint32     `msg:"flags"`
}

// Cell is a cell of a battery.
type Cell struct {
	Volts  float32
	Temp   float32
	Cycles uint32
	Flags  uint32
}

// CellMap is Cell with names.
type CellMap struct {
	Volts  float32 `msg:"volts"`
	Temp   float32 `msg:"temp"`
	Cycles uint32  `msg:"cycles"`
	Flags  uint32  `msg:"flags"`
}

// Medium is 1 KiB.
type Medium struct {
	TimeUS uint64
	Seq    uint32
	Health uint32
	Cells  [16]Cell
	Temps  [32]float32
	Gains  [60]float64
}

// MediumMap is 1 KiB with names.
type MediumMap struct {
	TimeUS uint64      `msg:"t"`
	Seq    uint32      `msg:"seq"`
	Health uint32      `msg:"health"`
	Cells  [16]CellMap `msg:"cells"`
	Temps  [32]float32 `msg:"temps"`
	Gains  [14]float64 `msg:"gains"`
}

// Point is a point of a lidar's sweep.
type Point struct{ X, Y, Z, Intensity float32 }

// PointMap is Point with names.
type PointMap struct {
	X         float32 `msg:"x"`
	Y         float32 `msg:"y"`
	Z         float32 `msg:"z"`
	Intensity float32 `msg:"i"`
}

// Large is 64 KiB.
type Large struct {
	TimeUS uint64
	Points [3120]Point
}

// LargeMap is 64 KiB with names.
type LargeMap struct {
	TimeUS uint64         `msg:"t"`
	Points [2240]PointMap `msg:"points"`
}

// Cloud is Large of varying length, which a struct topic cannot carry.
type Cloud struct {
	TimeUS uint64  `msg:"t"`
	Points []Point `msg:"points"`
}

// Reset keeps the memory of the points. They are tuples, which are overwritten whole.
func (c *Cloud) Reset() { *c = Cloud{Points: c.Points[:0]} }

// MsgLimited says that the directive at the top of this file covers the points.
func (*Cloud) MsgLimited() {}

// Sweep is Cloud without MsgLimited.
type Sweep struct {
	TimeUS uint64  `msg:"t"`
	Points []Point `msg:"points"`
}

// Reset keeps the memory of the points.
func (s *Sweep) Reset() { *s = Sweep{Points: s.Points[:0]} }
