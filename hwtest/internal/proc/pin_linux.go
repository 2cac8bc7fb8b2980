package proc

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// CPUs returns the CPUs that this process may run on.
func CPUs() []int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return []int{0}
	}
	var cpus []int
	for i := range 1024 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}

func cpuSet(cpus []int) (set unix.CPUSet) {
	for _, n := range cpus {
		set.Set(n)
	}
	return set
}

// PinProcess keeps all threads of this process on these CPUs. New threads inherit that from the one
// that makes them, so it goes on until it finds no thread that it has not seen.
func PinProcess(cpus ...int) error {
	set := cpuSet(cpus)
	seen := map[int]bool{}
	for {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("pinning to CPU %v: %w", cpus, err)
		}
		news := false
		for _, e := range entries {
			tid, _ := strconv.Atoi(e.Name())
			if seen[tid] {
				continue
			}
			seen[tid], news = true, true
			if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("pinning to CPU %v: %w", cpus, err)
			}
		}
		if !news {
			return nil
		}
	}
}

// OnCPU runs f on a thread of its own that stays on one CPU, and puts the thread back after it.
func OnCPU(cpu int, f func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("pinning a thread: %w", err)
	}
	set := cpuSet([]int{cpu})
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pinning a thread to CPU %d: %w", cpu, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	f()
	return nil
}
