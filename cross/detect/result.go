package detect

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

// ErrUnknown is what errors wrap when the table has nothing for an architecture.
var ErrUnknown = errors.New("unknown architecture")

// A Result says what a machine is and what to build for it.
type Result struct {
	Machine Machine
	Target  boards.Target // the board in the mode it runs in, or the generic target of its architecture
	Best    boards.Target // what to build for it
	// Why are the reasons for Best and what to know about it, a sentence each.
	Why []string
}

// Here is the result for this machine.
func Here() (Result, error) { return In("/") }

// In is the result for the machine whose files are below root.
func In(root string) (Result, error) {
	m, err := Read(root)
	if err != nil {
		return Result{}, err
	}
	return Identify(m)
}

// Identify compares a machine with the table. Its error matches ErrUnknown if the
// architecture is none of the table's.
func Identify(m Machine) (Result, error) {
	r := Result{Machine: m}
	kernel := goArch(m.Kernel)
	if kernel == "" || goArchBits(m.System) == 0 {
		return r, fmt.Errorf("identifying the machine: %w %s (system: %s)", ErrUnknown, m.Kernel, m.System)
	}
	board, known := findBoard(m)
	if !known {
		board = generic(m, kernel)
		r.say("%s is not in the table; its architecture is enough to build for it.", m.name())
	}
	r.Target = inMode(m, board, m.System)
	r.Best = inMode(m, board, kernel)
	r.explain(board, kernel)
	r.checkFeatures()
	r.checkPages()
	return r, nil
}

func (r *Result) say(format string, args ...any) { r.Why = append(r.Why, fmt.Sprintf(format, args...)) }

// name is what the machine calls itself, as well as it can.
func (m Machine) name() string {
	switch {
	case m.Model != "":
		return m.Model
	case len(m.Compatible) > 0:
		return m.Compatible[0]
	}
	return "this " + m.Kernel + " machine"
}

// findBoard asks the device tree, then the model, which containers still see in /proc/cpuinfo.
func findBoard(m Machine) (boards.Target, bool) {
	if t, ok := boards.ForCompatible(m.Compatible); ok {
		return t, true
	}
	for _, known := range models {
		if strings.HasPrefix(m.Model, known.prefix) {
			t, err := boards.Find(known.board)
			return t, err == nil
		}
	}
	return boards.Target{}, false
}

// models are the beginnings of the names that boards have; the first match counts.
var models = []struct{ prefix, board string }{
	{"Raspberry Pi 5", "pi5"}, {"Raspberry Pi Compute Module 5", "pi5"},
	{"Raspberry Pi 4", "pi4"}, {"Raspberry Pi Compute Module 4", "pi4"},
	{"Raspberry Pi 3", "pi3"}, {"Raspberry Pi Compute Module 3", "pi3"},
	{"Raspberry Pi 2", "pi2"},
	{"Raspberry Pi Zero 2", "pi-zero2w"}, {"Raspberry Pi Zero", "pi-zero"},
	{"Raspberry Pi Model", "pi1"}, {"Raspberry Pi Compute Module Rev", "pi1"},
}

// inMode is a board with programs of an architecture: the board's own target, its 32-bit
// one, or the generic one.
func inMode(m Machine, board boards.Target, arch string) boards.Target {
	if board.GOARCH == arch {
		return board
	}
	if arch == "arm" {
		if t, err := boards.Find(board.Name + "-32"); err == nil && goArchBits(board.GOARCH) == 64 {
			return t
		}
	}
	return generic(m, arch)
}

// generic is the target for an architecture; on 32-bit ARM, the newest that the machine runs.
func generic(m Machine, arch string) boards.Target {
	name := arch
	if arch == "arm" {
		name = armVersion(m)
	}
	t, _ := boards.Find(name) // the test of this function asks for all of them
	return t
}

// armVersion follows what Go needs: GOARM=7 has VFPv3 instructions, GOARM=6 has VFPv2's.
func armVersion(m Machine) string {
	switch {
	case goArch(m.Kernel) == "arm64": // its cores run ARMv7 programs, if 32-bit ones at all
		return "armv7"
	case strings.HasPrefix(m.Kernel, "armv7") && m.Has("vfpv3", "vfpv3d16", "vfpv4", "neon"):
		return "armv7"
	case !strings.HasPrefix(m.Kernel, "armv5") && !strings.HasPrefix(m.Kernel, "armv4") && m.Has("vfp"):
		return "armv6"
	}
	return "armv5"
}

func goArchBits(arch string) int {
	switch arch {
	case "arm", "386":
		return 32
	case "arm64", "amd64", "riscv64":
		return 64
	}
	return 0
}

// explain says why the best build is not the mode that the system is in, or not the board's own.
func (r *Result) explain(board boards.Target, kernel string) {
	m := r.Machine
	switch {
	case goArchBits(kernel) == 64 && goArchBits(m.System) == 32:
		r.say("The kernel is 64-bit (%s) under a 32-bit system: use %s, not %s. Static 64-bit programs need nothing of the system. "+
			"Keep %s for programs that link with the system's own C libraries.", m.Kernel, r.Best.Name, r.Target.Name, r.Target.Name)
	case goArchBits(kernel) == 32 && slices.ContainsFunc(r.Target.Part, capable64):
		r.say("The core is 64-bit but the kernel is 32-bit (%s): 64-bit programs do not run until a 64-bit kernel is booted%s.", m.Kernel, armBit(m))
	}
	if board.Name == "pi2" && kernel == "arm64" {
		r.say("This Pi 2 has the chip of a Pi 3.")
	}
}

// capable64 says which cores of the table run 64-bit kernels: all of ARMv8.
func capable64(p boards.Part) bool {
	return p.Implementer == 0x41 && p.Number >= 0xd00 || p.Implementer == 0x4e
}

func armBit(m Machine) string {
	if strings.HasPrefix(m.Model, "Raspberry Pi") {
		return " (arm_64bit=1 in config.txt)"
	}
	return ""
}

// checkFeatures steps back from a build that the CPU, by its own word, cannot run.
func (r *Result) checkFeatures() {
	m := r.Machine
	switch {
	case r.Best.GOARCH == "arm64" && r.Best.LSE && m.Has("asimd", "fp") && !m.Has("atomics"):
		r.say("%s needs LSE atomics and this CPU lists none (no \"atomics\" in /proc/cpuinfo): use arm64.", r.Best.Name)
		r.Best = generic(m, "arm64")
	case r.Best.GOARCH == "arm" && r.Best.GOARM == "7" && m.Has("half", "swp", "vfp") && !m.Has("vfpv3", "vfpv3d16", "vfpv4", "neon"):
		t := generic(m, "arm")
		r.say("%s needs VFPv3 and this CPU lists none: use %s.", r.Best.Name, t.Name)
		r.Best = t
	}
	if r.Best.Name == "arm64" && m.Has("atomics") {
		r.say("The CPU has LSE atomics; Go takes them at run time.")
	}
}

func (r *Result) checkPages() {
	m := r.Machine
	if m.PageSize != 0 && !slices.Contains(r.Best.PageSizes, m.PageSize) {
		r.say("Pages of %d bytes are not what %s is tested with; topics have the same layout for every page size.", m.PageSize, r.Best.Name)
	}
}
