// Package board tells what computer this is, as far as its results depend on it. Everything is read
// below a root directory, so that tests can bring boards of their own.
package board

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tism-go/tism/cross/detect"
)

// Facts are what is known of a board. What cannot be found out is empty.
type Facts struct {
	Model      string   `json:"model,omitempty"`
	Compatible []string `json:"compatible,omitempty"` // of the device tree
	Target     string   `json:"target,omitempty"`     // of the table of boards: "pi5"
	Build      string   `json:"build,omitempty"`      // the target whose build is the best here
	OS         string   `json:"os,omitempty"`
	Kernel     string   `json:"kernel"`
	Machine    string   `json:"machine"` // uname -m
	Preempt    string   `json:"preempt"` // PREEMPT_RT, PREEMPT, PREEMPT_DYNAMIC, none
	PageSize   int      `json:"page_size"`
	CPUs       []CPU    `json:"cpus"`
	Usable     int      `json:"usable_cpus"` // by this process
	Isolated   string   `json:"isolated_cpus,omitempty"`
	Features   []string `json:"features,omitempty"`
	Clock      string   `json:"clock_source,omitempty"`
	Governor   string   `json:"governor,omitempty"`
	MinMHz     float64  `json:"min_mhz,omitempty"`
	MaxMHz     float64  `json:"max_mhz,omitempty"`
	Celsius    float64  `json:"celsius,omitempty"`
	Throttled  string   `json:"throttled,omitempty"` // in words; "no" if the board can tell
	Memory     int64    `json:"memory"`
	Available  int64    `json:"memory_available"`
	Swap       int64    `json:"swap"`
	Shm        string   `json:"shm"` // file system of the topics' directory
	ShmDir     string   `json:"shm_dir"`
	ShmSize    int64    `json:"shm_size"`
	ShmFree    int64    `json:"shm_free"`
	Limits     Limits   `json:"limits"`
	User       int      `json:"uid"`
	Emulated   string   `json:"emulated,omitempty"` // by what
}

// Limits are those that a real-time program runs into.
type Limits struct {
	MemLock   int64 `json:"memlock"` // bytes; -1: none
	Files     int64 `json:"nofile"`
	RTPrio    int64 `json:"rtprio"`
	RTRuntime int   `json:"sched_rt_runtime_us"` // of each second; -1: all
}

// A CPU is one core.
type CPU struct {
	Number int    `json:"number"`
	Name   string `json:"name,omitempty"`
}

// Title is one line that names the board.
func (f Facts) Title() string {
	if f.Model != "" {
		return f.Model
	}
	return strings.TrimSpace(f.Machine + " " + f.cpuNames())
}

// Read collects the facts below root ("/" on a board).
func Read(root, shmDir string) Facts {
	r := reader(root)
	info := parseCPUInfo(r.text("proc/cpuinfo"))
	f := Facts{
		OS: r.osName(), CPUs: info.cpus, Features: info.features,
		Isolated: r.line("sys/devices/system/cpu/isolated"),
		Clock:    r.line("sys/devices/system/clocksource/clocksource0/current_clocksource"),
		Governor: r.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		MinMHz:   r.number("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq") / 1000,
		MaxMHz:   r.number("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq") / 1000,
		Celsius:  r.celsius(), Throttled: r.throttled(),
		ShmDir: shmDir,
	}
	r.identify(&f)
	f.Memory, f.Available, f.Swap = r.memory()
	f.Limits.RTRuntime = int(r.number("proc/sys/kernel/sched_rt_runtime_us"))
	f.Emulated = emulatedMachine(f)
	fillFromKernel(&f)
	if r.line("sys/kernel/realtime") == "1" {
		f.Preempt = "PREEMPT_RT"
	}
	return f
}

// A reader reads files below a root directory.
type reader string

func (r reader) text(path string) string {
	text, _ := os.ReadFile(filepath.Join(string(r), path))
	return string(text)
}

// line is a file's first line; device tree strings end with a NUL.
func (r reader) line(path string) string {
	line, _, _ := strings.Cut(r.text(path), "\n")
	return strings.TrimSpace(strings.TrimRight(line, "\x00"))
}

func (r reader) number(path string) float64 {
	n, _ := strconv.ParseFloat(r.line(path), 64)
	return n
}

// identify names the board, as far as the table of boards or the firmware of a PC knows it.
func (r reader) identify(f *Facts) {
	m, _ := detect.Read(string(r)) // an unknown architecture still has a model
	f.Model, f.Compatible = m.Model, m.Compatible
	if f.Model == "" {
		f.Model = strings.TrimSpace(r.line("sys/class/dmi/id/sys_vendor") + " " + r.line("sys/class/dmi/id/product_name"))
	}
	if found, err := detect.Identify(m); err == nil {
		f.Target, f.Build = found.Target.Name, found.Best.Name
	}
}

func (r reader) osName() string {
	for line := range strings.Lines(r.text("etc/os-release")) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
}

// celsius is the hottest of the zones: which of them is the CPU is told in as many ways as there
// are boards.
func (r reader) celsius() float64 {
	zones, _ := filepath.Glob(filepath.Join(string(r), "sys/class/thermal/thermal_zone*/temp"))
	hottest := 0.0
	for _, zone := range zones {
		rel, _ := filepath.Rel(string(r), zone)
		if c := r.number(rel) / 1000; c < 150 { // some report nonsense when they sleep
			hottest = max(hottest, c)
		}
	}
	return hottest
}

func (r reader) mhz() float64 {
	return r.number("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq") / 1000
}

func (r reader) memory() (total, available, swap int64) {
	figures := map[string]*int64{"MemTotal": &total, "MemAvailable": &available, "SwapTotal": &swap}
	for line := range strings.Lines(r.text("proc/meminfo")) {
		name, rest, _ := strings.Cut(line, ":")
		if into, ok := figures[name]; ok {
			_, _ = fmt.Sscanf(rest, "%d", into)
			*into *= 1024
		}
	}
	return total, available, swap
}

// emulatedMachine tells a booted kernel on a virtual machine from a board, where it says so.
func emulatedMachine(f Facts) string {
	switch {
	case slices.Contains(f.Compatible, "linux,dummy-virt"), slices.Contains(f.Compatible, "riscv-virtio"):
		return "QEMU's virt machine"
	case strings.Contains(f.Model, "QEMU"):
		return f.Model
	}
	return ""
}

// Heat is what changes while a board works.
type Heat struct {
	Celsius, MHz float64
	Throttled    string // "" if it is not, or cannot tell
}

// ReadHeat reads what changes.
func ReadHeat(root string) Heat {
	r := reader(root)
	h := Heat{Celsius: r.celsius(), MHz: r.mhz()}
	if t, ok := r.piThrottled(); ok && t&0xf != 0 {
		h.Throttled = throttleWords(t & 0xf)
	}
	return h
}
