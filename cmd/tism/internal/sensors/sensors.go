// Package sensors reads what a Linux machine says of itself in /proc and /sys, with no
// configuration and no privileges. What a machine does not have, or does not let us
// read, is NaN: nothing is made up.
package sensors

import (
	"math"
	"path/filepath"
)

// A Sample is what was read at one time. Each figure is NaN where it is missing.
type Sample struct {
	Load     float64 // share of CPU time that was not idle since the sample before
	Memory   float64 // share of memory that is in use
	Received float64 // bytes since boot, over all network interfaces but loopback
	Sent     float64

	Temperatures []Reading // in °C
	IIO          []Reading // of the first industrial I/O device
}

// A Reading is the value of one sensor.
type Reading struct {
	Name  string
	Unit  string
	Value float64
}

// A Machine is where samples come from. It is for one goroutine at a time.
type Machine struct {
	root         string
	cpu          cpu
	temperatures []sensor
	iio          []sensor
	next         int // of all sensors, the one to read next
}

// Open looks for the sensors of the machine whose /proc and /sys are under root.
func Open(root string) *Machine {
	m := &Machine{root: root, cpu: cpu{load: math.NaN()}}
	m.temperatures = append(thermalZones(root), hwmonTemperatures(root)...)
	m.temperatures = distinct(m.temperatures)
	m.iio = iioChannels(root)
	for i := range m.sensors() {
		m.read(i)
	}
	return m
}

// Sample reads the counters of the kernel, and one sensor: some take milliseconds to
// answer, so they take turns, and the values of the others are from their last turn.
func (m *Machine) Sample() Sample {
	if n := m.sensors(); n > 0 {
		m.read(m.next)
		m.next = (m.next + 1) % n
	}
	received, sent := network(m.path("proc/net/dev"))
	return Sample{
		Load: m.cpu.sample(m.path("proc/stat")), Memory: memory(m.path("proc/meminfo")),
		Received: received, Sent: sent,
		Temperatures: readings(m.temperatures), IIO: readings(m.iio),
	}
}

func (m *Machine) path(name string) string { return filepath.Join(m.root, name) }

func (m *Machine) sensors() int { return len(m.temperatures) + len(m.iio) }

func (m *Machine) read(i int) {
	if i < len(m.temperatures) {
		m.temperatures[i].read()
		return
	}
	m.iio[i-len(m.temperatures)].read()
}

func readings(all []sensor) []Reading {
	r := make([]Reading, len(all))
	for i, s := range all {
		r[i] = s.Reading
	}
	return r
}
