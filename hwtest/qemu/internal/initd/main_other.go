//go:build !linux

// Command initd is the /init of an emulated Linux machine, and does nothing elsewhere.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "initd runs on Linux only")
	os.Exit(2)
}
