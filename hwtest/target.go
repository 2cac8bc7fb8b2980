package main

import (
	"runtime"
	"runtime/debug"
)

// target is what this binary was built for: linux/arm/7.
func target() string {
	t := runtime.GOOS + "/" + runtime.GOARCH
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return t
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOARM", "GOARM64", "GORISCV64", "GOAMD64", "GO386":
			t += "/" + s.Value
		}
	}
	return t
}
