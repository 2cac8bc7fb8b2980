package main

//go:generate go tool msgp -io=false -tests=false
//msgp:limit arrays:64 maps:64

// A Packet is one of telemetry. A sensor that is not fitted, or has failed, costs no
// bytes: its field is left out.
type Packet struct {
	TimeUS  uint64   `msg:"t"`
	Mode    string   `msg:"mode"`
	Volts   float32  `msg:"volts"`
	GPS     *Fix     `msg:"gps,omitempty"`
	RangeM  *float32 `msg:"range,omitempty"`
	Warning string   `msg:"warning,omitempty"`
}

// A Fix is where a GPS receiver says that it is.
type Fix struct {
	Lat        float64 `msg:"lat"`
	Lon        float64 `msg:"lon"`
	Satellites uint8   `msg:"sats"`
}
