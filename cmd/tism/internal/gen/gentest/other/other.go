// Package other has types that gentest uses.
package other

// A Stamp is a time.
type Stamp struct {
	Sec  uint32
	Nsec uint32
}

// Temps are temperatures.
type Temps [3]uint8
