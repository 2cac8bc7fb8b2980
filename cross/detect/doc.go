// Package detect tells which target of package boards a computer is, and which target
// builds the programs that run best on it.
//
// It reads files below a root directory: the device tree's model and compatible strings,
// /proc/cpuinfo, the auxiliary vector, and the header of one of the system's programs. So
// it works for a mounted SD card or a directory of samples too, as far as /proc is there.
// It writes nothing and starts nothing.
//
// What it knows of boards comes from public documentation; no real board has run it yet.
package detect
