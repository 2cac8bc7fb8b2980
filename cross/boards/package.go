package boards

import (
	"fmt"
	"slices"
)

// A Package is what the Debian packages of one architecture are made of. It must run on every
// CPU that the architecture is used on, so it is not any one board's build.
type Package struct {
	Debian    string // the architecture: "armhf"
	Build     string // the target whose Go programs it holds: "armv6"
	Multiarch string // the directory of libraries below /usr/lib: "arm-linux-gnueabihf"
	C         C      // how its C library is compiled
	Python    bool   // bindings/python/package.sh makes packages for it
}

var packages = []Package{
	{Debian: "amd64", Build: "amd64", Multiarch: "x86_64-linux-gnu", C: gccAmd64, Python: true},
	{Debian: "i386", Build: "386", Multiarch: "i386-linux-gnu", C: gccI386},
	// Without outline atomics, whose helpers the libgcc of older systems lacks.
	{Debian: "arm64", Build: "arm64", Multiarch: "aarch64-linux-gnu", C: gccArm64.with("-mno-outline-atomics"), Python: true},
	// Raspberry Pi OS installs armhf packages on the Pi Zero, so all is ARMv6, with the hard-float calls of armhf.
	// A library that is linked here would hold Debian's start-up code and parts of its libgcc, which are ARMv7:
	// hence only the static one, which gets those from the board that links it.
	{Debian: "armhf", Build: "armv6", Multiarch: "arm-linux-gnueabihf",
		C: gccArmhf.with("-mcpu=arm1176jzf-s", "-mfpu=vfp", "-mfloat-abi=hard", "-marm").static(), Python: true},
	{Debian: "armel", Build: "armv5", Multiarch: "arm-linux-gnueabi", C: gccArmel.with("-march=armv5te").withoutAtomics()},
	{Debian: "riscv64", Build: "riscv64", Multiarch: "riscv64-linux-gnu", C: gccRiscv},
}

// PackagesFor are the Debian packages that serve the targets, each architecture once.
func PackagesFor(targets []Target) []Package {
	var found []Package
	for _, p := range packages {
		if slices.ContainsFunc(targets, func(t Target) bool { return t.Debian == p.Debian }) {
			found = append(found, p)
		}
	}
	return found
}

// Target is the target whose Go programs the package holds.
func (p Package) Target() Target {
	t, err := Find(p.Build)
	if err != nil {
		panic(fmt.Sprintf("boards: package %s: %v", p.Debian, err)) // a mistake in the table
	}
	return t
}
