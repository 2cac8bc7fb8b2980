package main

// Axes is how many a gyro has.
const Axes = 3

// A Mode is what the vehicle does.
type Mode uint8

// The modes.
const (
	Idle Mode = iota
	Flying
)

//go:generate go run github.com/tism-go/tism/cmd/tism gen --c c/attitude.h --python python/attitude.py --rust rust/attitude.rs

// Attitude is how the vehicle lies in the air.
type Attitude struct {
	TimeUS  uint64        // of the sample, CLOCK_MONOTONIC
	Q       [4]float32    // w x y z
	GyroRad [Axes]float32 // rad/s
	Mode    Mode
	Healthy bool
	_       [2]byte // so that the size is the same on 32-bit CPUs
	Battery [2]struct {
		Volts    float32
		Celsius  int8
		Charging bool
		_        [2]byte
	}
}
