package board

import (
	"fmt"
	"io"
	"strings"

	"github.com/tism-go/tism/internal/term"
)

// Print writes the facts for people, and below them what they should mind.
func (f Facts) Print(w io.Writer, paint term.Paint) error {
	var t term.Table
	row := func(name string, parts ...string) {
		var said []string
		for _, p := range parts {
			if p != "" {
				said = append(said, p)
			}
		}
		if len(said) > 0 {
			t.Text(name, strings.Join(said, ", "))
		}
	}
	row("board", f.Title(), f.Target, some("best build ", f.Build, f.Build != f.Target), f.emulation())
	row("system", f.OS, "Linux "+f.Kernel, f.Machine, f.Preempt)
	row("CPU", f.cpuNames(), f.usable(), f.shortFeatures())
	row("clock", f.Clock, f.frequency())
	row("heat", f.temperature(), f.throttling())
	row("memory", fmt.Sprintf("%s, %s available", size(f.Memory), size(f.Available)), some("swap ", size(f.Swap), f.Swap > 0), fmt.Sprintf("pages of %d KiB", f.PageSize/1024))
	row("topics", fmt.Sprintf("%s (%s), %s, %s free", f.ShmDir, f.Shm, size(f.ShmSize), size(f.ShmFree)))
	row("limits", fmt.Sprintf("user %d, locked memory %s, %s files, real-time priority %s", f.User, f.memLock(), unlimited(f.Limits.Files), unlimited(f.Limits.RTPrio)), f.rtRuntime())
	if err := t.Print(w); err != nil {
		return err
	}
	for _, note := range f.Advice() {
		if _, err := fmt.Fprintln(w, paint.Yellow("note: "+note)); err != nil {
			return err
		}
	}
	return nil
}

// Advice is what the facts mean for a flight computer.
func (f Facts) Advice() (notes []string) {
	if f.Emulated != "" {
		notes = append(notes, "this is an emulated machine: layout, system calls and logic are tested, memory ordering and timing are not")
	}
	if f.Governor != "" && f.Governor != "performance" && f.Emulated == "" {
		notes = append(notes, "the governor is "+f.Governor+": wake-ups are quicker and steadier with performance (cpupower frequency-set -g performance)")
	}
	if f.Throttled != "" && f.Throttled != "no" {
		notes = append(notes, "the firmware says: "+f.Throttled+": check power supply and cooling before you trust a figure")
	}
	if f.Shm != "" && f.Shm != "tmpfs" && f.Shm != "ramfs" {
		notes = append(notes, fmt.Sprintf("%s is on %s, not in memory: topics there write to a disk or card (set TISM_DIR to a tmpfs)", f.ShmDir, f.Shm))
	}
	if f.Limits.RTPrio == 0 && f.User != 0 {
		notes = append(notes, "this user may not use SCHED_FIFO: LimitRTPRIO= in the unit, or rtprio in /etc/security/limits.conf")
	}
	return notes
}

func (f Facts) emulation() string { return some("emulated by ", f.Emulated, f.Emulated != "") }

func (f Facts) usable() string {
	text := ""
	if f.Usable != len(f.CPUs) {
		text = fmt.Sprintf("%d usable here", f.Usable)
	}
	if f.Isolated != "" {
		text = strings.TrimLeft(text+", isolated "+f.Isolated, ", ")
	}
	return text
}

func (f Facts) frequency() string {
	if f.Governor == "" {
		return ""
	}
	return fmt.Sprintf("governor %s, %.0f to %.0f MHz", f.Governor, f.MinMHz, f.MaxMHz)
}

func (f Facts) temperature() string {
	if f.Celsius == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f °C", f.Celsius)
}

func (f Facts) throttling() string { return some("throttled: ", f.Throttled, f.Throttled != "") }

func (f Facts) memLock() string {
	if f.Limits.MemLock < 0 {
		return "without limit"
	}
	return size(f.Limits.MemLock)
}

func (f Facts) rtRuntime() string {
	return some("real-time share ", fmt.Sprintf("%d%%", f.Limits.RTRuntime/10000), f.Limits.RTRuntime > 0)
}

func unlimited(n int64) string {
	if n < 0 {
		return "without limit"
	}
	return fmt.Sprint(n)
}

func size(n int64) string { return term.Bytes(float64(n)) }

func some(prefix, text string, there bool) string {
	if !there {
		return ""
	}
	return prefix + text
}
