package board

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

type cpuInfo struct {
	cpus     []CPU
	features []string
}

// parseCPUInfo reads /proc/cpuinfo as x86, ARM and RISC-V write it.
func parseCPUInfo(text string) (info cpuInfo) {
	var name, arch string
	var implementer, part uint64
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "processor":
			n, err := strconv.Atoi(value)
			if err != nil { // old ARM kernels: "Processor : ARMv6-compatible ..."
				continue
			}
			info.cpus = append(info.cpus, CPU{Number: n})
			name, arch, implementer, part = "", "", 0, 0
		case "model name":
			name = value
		case "uarch", "isa":
			arch = strings.TrimSpace(arch + " " + value)
		case "CPU implementer":
			implementer, _ = strconv.ParseUint(value, 0, 16)
		case "CPU part":
			part, _ = strconv.ParseUint(value, 0, 16)
		case "flags", "Features":
			info.features = strings.Fields(value)
		}
		if len(info.cpus) > 0 {
			info.cpus[len(info.cpus)-1].Name = coreName(name, arch, implementer, part)
		}
	}
	return info
}

func coreName(name, arch string, implementer, part uint64) string {
	switch {
	case part != 0:
		if known, ok := parts[implementer<<16|part]; ok {
			return known
		}
		return fmt.Sprintf("implementer %#x part %#x", implementer, part)
	case name != "":
		return name
	}
	return arch
}

// parts are the cores of the boards that fly, by implementer<<16 | part of their MIDR.
var parts = map[uint64]string{
	0x41<<16 | 0xb76: "ARM1176", 0x41<<16 | 0xc05: "Cortex-A5", 0x41<<16 | 0xc07: "Cortex-A7", 0x41<<16 | 0xc08: "Cortex-A8", 0x41<<16 | 0xc09: "Cortex-A9",
	0x41<<16 | 0xc0e: "Cortex-A17", 0x41<<16 | 0xc0f: "Cortex-A15", 0x41<<16 | 0xd03: "Cortex-A53", 0x41<<16 | 0xd04: "Cortex-A35",
	0x41<<16 | 0xd05: "Cortex-A55", 0x41<<16 | 0xd07: "Cortex-A57", 0x41<<16 | 0xd08: "Cortex-A72", 0x41<<16 | 0xd09: "Cortex-A73",
	0x41<<16 | 0xd0a: "Cortex-A75", 0x41<<16 | 0xd0b: "Cortex-A76", 0x41<<16 | 0xd0c: "Neoverse-N1", 0x41<<16 | 0xd40: "Neoverse-V1",
	0x41<<16 | 0xd41: "Cortex-A78", 0x41<<16 | 0xd42: "Cortex-A78AE", 0x41<<16 | 0xd49: "Neoverse-N2", 0x41<<16 | 0xd4b: "Cortex-A78C",
	0x4e<<16 | 0x003: "NVIDIA Denver 2", 0x4e<<16 | 0x004: "NVIDIA Carmel",
}

// cpuNames counts cores of one name: "4 × Cortex-A76".
func (f Facts) cpuNames() string {
	var names []string
	counts := map[string]int{}
	for _, c := range f.CPUs {
		if counts[c.Name]++; counts[c.Name] == 1 {
			names = append(names, c.Name)
		}
	}
	for i, name := range names {
		names[i] = strings.TrimSpace(fmt.Sprintf("%d × %s", counts[name], orUnknown(name)))
	}
	return strings.Join(names, " + ")
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown core"
	}
	return s
}

// interesting are the features that matter here: atomics, weaker loads, vector units that copies use.
var interesting = []string{"atomics", "uscat", "lrcpc", "ilrcpc", "asimd", "neon", "vfpv3", "vfpv4", "vfp", "sve", "lse", "lse2", "avx2", "avx512f", "erms", "fsrm", "constant_tsc", "nonstop_tsc"}

func (f Facts) shortFeatures() string {
	var found []string
	for _, name := range interesting {
		if slices.Contains(f.Features, name) {
			found = append(found, name)
		}
	}
	return strings.Join(found, " ")
}
