package boards

import "strings"

// A Target is one computer, or one kind of computer, in one mode: a Pi 4 with a 64-bit
// system and the same Pi 4 with a 32-bit one are two targets.
//
// Targets are values; whoever gets one may change it without harm to the table, except
// through its slices and pointers, which are shared and must not be written.
type Target struct {
	Name    string   // what the command line calls it: "pi5"
	Aliases []string // other names for it: "rpi5"
	Title   string   // what people call it: "Raspberry Pi 5"
	Generic bool     // an architecture, not a board: "arm64"

	// The Go toolchain's settings; those that don't apply are empty.
	GOOS, GOARCH                              string
	GOARM, GOARM64, GORISCV64, GO386, GOAMD64 string

	CPU   string // the core's name: "Cortex-A76"
	Part  []Part // how /proc/cpuinfo and MIDR_EL1 name the core; empty for generic targets
	Cores int    // 0 for generic targets
	LSE   bool   // ARMv8.1 atomics (FEAT_LSE)

	// PageSizes are those of kernels in use on it, in bytes, the vendor's own first.
	PageSizes []int

	// OnArm64 says that this 32-bit target runs, or may run, on a 64-bit kernel.
	OnArm64 bool

	Debian string // Debian's name of the architecture: "arm64", "armhf"
	C      C

	// Compatible are the strings of the device tree's root "compatible" that name the
	// board, most specific first; the last ones name only the chip.
	Compatible []string

	User    *User    // the stand-in under qemu-user; nil: none (run it natively)
	Systems []System // the stand-ins under qemu-system, the quickest first

	Notes []string // what somebody who builds for the board must know, a sentence each
}

// A Part identifies a core design: implementer and part number of MIDR_EL1, which
// /proc/cpuinfo prints as "CPU implementer" and "CPU part".
type Part struct{ Implementer, Number uint16 }

// C is how C is compiled for a target.
type C struct {
	Triple  string   // GNU triple, prefix of the compiler's name: "aarch64-linux-gnu"
	Flags   []string // after the compiler's name
	Libs    []string // at the end of a link
	Package string   // Debian packages with the compiler and its libc, to apt-get install
	// Static says that only static programs and libraries are worth building: the C
	// library of Package is not the one on the board.
	Static bool
	// NoAtomics says that the CPU has no atomic instructions, so that the C library does not
	// compile. (Go has the kernel do them.)
	NoAtomics bool
}

// Compiler is the name of the C compiler: "aarch64-linux-gnu-gcc".
func (c C) Compiler() string { return c.Triple + "-gcc" }

// Tool is the name of one of the compiler's companions: "aarch64-linux-gnu-ar".
func (c C) Tool(name string) string { return c.Triple + "-" + name }

// Env is what the Go tool needs in its environment to build for the target, KEY=VALUE,
// CGO_ENABLED=0 included, which is what makes the program static.
func (t Target) Env() []string {
	env := []string{"CGO_ENABLED=0", "GOOS=" + t.GOOS, "GOARCH=" + t.GOARCH}
	return append(env, t.Settings()...)
}

// Settings are the architecture's own Go settings, KEY=VALUE: "GOARM=7".
func (t Target) Settings() []string {
	var set []string
	for _, s := range []struct{ key, value string }{
		{"GOARM", t.GOARM}, {"GOARM64", t.GOARM64}, {"GORISCV64", t.GORISCV64},
		{"GO386", t.GO386}, {"GOAMD64", t.GOAMD64},
	} {
		if s.value != "" {
			set = append(set, s.key+"="+s.value)
		}
	}
	return set
}

// Build is the target's Go build in one word, the same for targets that run the same
// bytes: "arm-7", "arm64-v8.0".
func (t Target) Build() string {
	words := []string{t.GOARCH}
	for _, s := range t.Settings() {
		_, value, _ := strings.Cut(s, "=")
		words = append(words, strings.ReplaceAll(value, ",", "+"))
	}
	return strings.Join(words, "-")
}

// GoBuild is the line that builds one package for the target by hand.
func (t Target) GoBuild() string {
	return strings.Join(t.Env(), " ") + " go build -trimpath -ldflags='-s -w'"
}

// Bits is the width of a pointer: 32 or 64.
func (t Target) Bits() int {
	if t.GOARCH == "arm" || t.GOARCH == "386" {
		return 32
	}
	return 64
}

// Matches reports whether name is the target's name or one of its aliases; case, '-',
// '_', '.' and blanks don't count.
func (t Target) Matches(name string) bool {
	key := fold(name)
	if fold(t.Name) == key {
		return true
	}
	for _, a := range t.Aliases {
		if fold(a) == key {
			return true
		}
	}
	return false
}

var separators = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

func fold(name string) string { return separators.Replace(strings.ToLower(name)) }
