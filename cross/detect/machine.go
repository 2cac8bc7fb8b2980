package detect

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

// A Machine is what a computer says of itself. What it does not say is empty.
type Machine struct {
	Model      string   `json:"model,omitempty"`      // "Raspberry Pi 4 Model B Rev 1.4"
	Compatible []string `json:"compatible,omitempty"` // of the device tree's root, most specific first

	Kernel string `json:"kernel"` // architecture as uname -m has it: "aarch64"
	System string `json:"system"` // architecture of the installed programs as GOARCH has it: "arm"

	CPUs     int           `json:"cpus,omitempty"`
	Parts    []boards.Part `json:"parts,omitempty"` // each kind of core once
	Features []string      `json:"features,omitempty"`
	ISA      string        `json:"isa,omitempty"`       // of RISC-V: "rv64imafdc"
	PageSize int           `json:"page_size,omitempty"` // in bytes
}

// Read reads the machine whose files are below root: "/" is this one. It returns an error,
// with what else it found, if there is neither a kernel to ask nor a file that tells the
// architecture.
func Read(root string) (Machine, error) {
	if info, err := os.Stat(root); err != nil {
		return Machine{}, fmt.Errorf("reading the machine: %w", err)
	} else if !info.IsDir() {
		return Machine{}, fmt.Errorf("reading the machine: %s is not a directory", root)
	}
	f := files(root)
	m := Machine{Compatible: f.words("compatible"), System: f.system()}
	if model := f.words("model"); len(model) > 0 {
		m.Model = model[0]
	}
	m.readCPUs(f.text("proc/cpuinfo"))
	hwcap, page := parseAuxv(f.text("proc/self/auxv"))
	m.PageSize = page
	m.Kernel = strings.TrimSpace(f.text("proc/sys/kernel/arch")) // Linux 6.1
	if f.here() {
		if m.Kernel == "" {
			m.Kernel = unameMachine()
		}
		if m.System == "" {
			m.System = runtime.GOARCH
		}
		m.PageSize = os.Getpagesize()
	}
	m.Kernel = realKernel(m)
	if m.Kernel == "" {
		return m, fmt.Errorf("reading the machine: nothing below %s tells its architecture: /proc/cpuinfo, /proc/sys/kernel/arch or /bin/sh must be there", root)
	}
	if m.System == "" {
		m.System = goArch(m.Kernel)
	}
	m.addHWCAP(hwcap)
	return m, nil
}

// realKernel sees through setarch, which makes a 64-bit kernel call itself a 32-bit one,
// and guesses what is not told.
func realKernel(m Machine) string {
	switch {
	case m.Kernel == "armv8l":
		return "aarch64"
	case m.Kernel != "":
		return m.Kernel
	case m.ISA != "":
		return "riscv64"
	case m.Has("asimd"):
		return "aarch64"
	case m.Has("lm"):
		return "x86_64"
	}
	return map[string]string{"arm64": "aarch64", "amd64": "x86_64", "386": "i686", "riscv64": "riscv64"}[m.System]
}

// goArch is uname's architecture in Go's words; "" if tism is not built for it.
func goArch(machine string) string {
	switch {
	case machine == "aarch64", machine == "arm64":
		return "arm64"
	case machine == "x86_64":
		return "amd64"
	case machine == "riscv64":
		return "riscv64"
	case len(machine) == 4 && machine[0] == 'i' && strings.HasSuffix(machine, "86"):
		return "386"
	case strings.HasPrefix(machine, "arm"):
		return "arm"
	}
	return ""
}

// Has reports whether the machine lists one of the features.
func (m Machine) Has(features ...string) bool {
	return slices.ContainsFunc(features, func(f string) bool { return slices.Contains(m.Features, f) })
}

// readCPUs reads /proc/cpuinfo as ARM, x86 and RISC-V write it.
func (m *Machine) readCPUs(text string) {
	var part boards.Part
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			if _, err := strconv.Atoi(value); err == nil { // old ARM kernels also have "Processor : ARMv7 ..."
				m.CPUs++
			}
		case "CPU implementer":
			part.Implementer = hex(value)
		case "CPU part":
			part.Number = hex(value)
			if part != (boards.Part{}) && !slices.Contains(m.Parts, part) {
				m.Parts = append(m.Parts, part)
			}
		case "Features", "flags":
			m.Features = strings.Fields(value)
		case "isa":
			m.ISA = value
		case "Model": // of the Raspberry Pi's kernel; containers see no device tree
			if m.Model == "" {
				m.Model = value
			}
		}
	}
}

func hex(s string) uint16 {
	n, _ := strconv.ParseUint(s, 0, 16)
	return uint16(n)
}

// files are those below a root directory.
type files string

func (f files) here() bool { return filepath.Clean(string(f)) == "/" }

func (f files) text(path string) string {
	text, _ := os.ReadFile(filepath.Join(string(f), path))
	return string(text)
}

// words are the strings of a property of the device tree's root; each ends with a NUL.
func (f files) words(property string) []string {
	for _, dir := range []string{"proc/device-tree", "sys/firmware/devicetree/base"} {
		if text := strings.Trim(f.text(filepath.Join(dir, property)), "\x00\n"); text != "" {
			return strings.Split(text, "\x00")
		}
	}
	return nil
}

// system is the architecture of the installed programs, by the first that can be read.
func (f files) system() string {
	base, err := filepath.EvalSymlinks(string(f))
	if err != nil {
		return ""
	}
	for _, name := range []string{"bin/sh", "usr/bin/env", "sbin/init"} {
		path, err := filepath.EvalSymlinks(filepath.Join(base, name))
		// An absolute link below another root leads to this machine's programs.
		if err != nil || !strings.HasPrefix(path, strings.TrimSuffix(base, "/")+"/") {
			continue
		}
		if arch := programArch(path); arch != "" {
			return arch
		}
	}
	return ""
}

func programArch(path string) string {
	program, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer program.Close()
	switch program.Machine {
	case elf.EM_ARM:
		return "arm"
	case elf.EM_AARCH64:
		return "arm64"
	case elf.EM_386:
		return "386"
	case elf.EM_X86_64:
		return "amd64"
	case elf.EM_RISCV:
		return "riscv64"
	}
	return ""
}
