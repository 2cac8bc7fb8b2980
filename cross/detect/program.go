package detect

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

// A Program is what an executable was built for.
type Program struct {
	Path     string            `json:"path"`
	GOOS     string            `json:"goos"`
	GOARCH   string            `json:"goarch"`
	Settings map[string]string `json:"settings,omitempty"` // GOARM, GOARM64, GOAMD64, GO386, GORISCV64: the one it has
	// ARM is what a program that is not of Go needs of a 32-bit ARM CPU, as GOARM says it; "" for a Go program.
	ARM string `json:"arm,omitempty"`
}

// ReadProgram reads what the Go toolchain left in an executable, or a C compiler in one for 32-bit ARM. It
// does not run it.
func ReadProgram(path string) (Program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		p, cErr := readC(path)
		if format := (*elf.FormatError)(nil); errors.As(cErr, &format) {
			cErr = err // neither
		}
		if cErr != nil {
			return p, fmt.Errorf("reading what a program was built for: %w", cErr)
		}
		return p, nil
	}
	p := Program{Path: path, Settings: map[string]string{}}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			p.GOOS = s.Value
		case "GOARCH":
			p.GOARCH = s.Value
		case "GOARM", "GOARM64", "GOAMD64", "GO386", "GORISCV64":
			p.Settings[s.Key] = s.Value
		}
	}
	return p, nil
}

// A MismatchError says that a program does not run on a machine.
type MismatchError struct {
	Program Program
	Lacks   string        // what the machine does not have: "LSE atomics"
	Best    boards.Target // what to build for the machine instead
}

func (e *MismatchError) Error() string {
	how := e.Best.Env()
	if e.Program.ARM != "" {
		how = append([]string{e.Best.C.Compiler()}, e.Best.C.Flags...)
	}
	return fmt.Sprintf("%s does not run here: it is built for %s and this machine has no %s: build it for %s (%s)",
		e.Program.Path, e.Program.build(), e.Lacks, e.Best.Name, strings.Join(how, " "))
}

func (p Program) build() string {
	if p.ARM != "" {
		return fmt.Sprintf("ARMv%c, it or the C library in it,", p.ARM[0])
	}
	words := []string{p.GOOS + "/" + p.GOARCH}
	for key, value := range p.Settings {
		words = append(words, key+"="+value)
	}
	return strings.Join(words, " ")
}

// Check returns a *MismatchError if the program would not run on the machine: as far as its
// build settings and the machine's features tell. Where the machine lists no features, it
// trusts what the table knows of the board.
func (r Result) Check(p Program) error {
	lacks := r.lacks(p)
	if lacks == "" {
		return nil
	}
	return &MismatchError{Program: p, Lacks: lacks, Best: r.Best}
}

func (r Result) lacks(p Program) string {
	if p.GOOS != "linux" {
		return p.GOOS + " kernel"
	}
	if !runs(goArch(r.Machine.Kernel), p.GOARCH) {
		return p.GOARCH + " kernel"
	}
	if p.ARM != "" {
		return strings.Replace(r.lacksARM(p.ARM), "GOARM=", "ARMv", 1)
	}
	switch p.GOARCH {
	case "arm":
		return r.lacksARM(p.Settings["GOARM"])
	case "arm64":
		return r.lacksARM64(p.Settings["GOARM64"])
	case "amd64":
		return r.lacksAMD64(p.Settings["GOAMD64"])
	}
	return ""
}

// runs reports whether a kernel runs programs of an architecture.
func runs(kernel, program string) bool {
	return kernel == program || kernel == "arm64" && program == "arm" || kernel == "amd64" && program == "386"
}

// lacksARM knows GOARM=5, 6, 7, each perhaps with ",softfloat" or ",hardfloat".
func (r Result) lacksARM(goarm string) string {
	version, float, _ := strings.Cut(goarm, ",")
	has, _ := strconv.Atoi(strings.TrimPrefix(armVersion(r.Machine), "armv"))
	if kernel := r.Machine.Kernel; float == "softfloat" && len(kernel) > 4 && strings.HasPrefix(kernel, "armv") {
		has = int(kernel[4] - '0') // the floating-point unit does not count
	}
	if needs, err := strconv.Atoi(version); err == nil && needs > has {
		return fmt.Sprintf("ARMv%d instructions (GOARM=%d at most)", needs, has)
	}
	return ""
}

func (r Result) lacksARM64(goarm64 string) string {
	needs := goarm64 != "" && !strings.HasPrefix(goarm64, "v8.0") || strings.Contains(goarm64, "lse")
	if needs && !r.hasLSE() {
		return "LSE atomics"
	}
	return ""
}

func (r Result) hasLSE() bool {
	if r.Machine.Has("asimd", "fp") { // the list is there, and of a 64-bit kernel
		return r.Machine.Has("atomics")
	}
	return r.Best.LSE
}

// What the levels of amd64 add, by names of /proc/cpuinfo: enough of each to tell them apart.
var levels = []struct {
	level    string
	features []string
}{
	{"v2", []string{"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"}},
	{"v3", []string{"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}},
	{"v4", []string{"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}},
}

func (r Result) lacksAMD64(goamd64 string) string {
	if len(r.Machine.Features) == 0 {
		return ""
	}
	for _, l := range levels {
		if l.level > goamd64 {
			break
		}
		for _, f := range l.features {
			if !r.Machine.Has(f) {
				return f + " instructions"
			}
		}
	}
	return ""
}
