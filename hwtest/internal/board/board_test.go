package board

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root makes a board of files.
func root(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func core(n, features, part string) string {
	return "processor\t: " + n + "\nBogoMIPS\t: 108.00\nFeatures\t: " + features + "\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: " + part + "\n\n"
}

var pi5 = map[string]string{
	"proc/device-tree/model":      "Raspberry Pi 5 Model B Rev 1.0\x00",
	"proc/device-tree/compatible": "raspberrypi,5-model-b\x00brcm,bcm2712\x00",
	"proc/cpuinfo":                core("0", "fp asimd atomics lrcpc", "0xd0b") + core("1", "fp asimd atomics lrcpc", "0xd0b"),
	"proc/meminfo":                "MemTotal:        4194304 kB\nMemFree: 1 kB\nMemAvailable:    2097152 kB\nSwapTotal: 512 kB\n",
	"etc/os-release":              "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
	"sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
	"sys/devices/system/cpu/isolated":                                 "1\n",
	"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":            "ondemand\n",
	"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_min_freq":            "1500000\n",
	"sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq":            "2400000\n",
	"sys/class/thermal/thermal_zone0/temp":                            "51250\n",
	"sys/class/thermal/thermal_zone1/temp":                            "200000\n",
	"sys/devices/platform/soc/soc:firmware/get_throttled":             "50005\n",
	"sys/kernel/realtime":                                             "1\n",
	"proc/sys/kernel/sched_rt_runtime_us":                             "950000\n",
}

func TestPi5(t *testing.T) {
	f := Read(root(t, pi5), t.TempDir())
	for _, is := range []struct {
		what      string
		got, want any
	}{
		{"model", f.Title(), "Raspberry Pi 5 Model B Rev 1.0"},
		{"compatible", strings.Join(f.Compatible, " "), "raspberrypi,5-model-b brcm,bcm2712"},
		{"target and build", f.Target + " " + f.Build, "pi5 pi5"},
		{"cores", f.cpuNames(), "2 × Cortex-A76"},
		{"features", f.shortFeatures(), "atomics lrcpc asimd"},
		{"system", f.OS, "Debian GNU/Linux 12 (bookworm)"},
		{"preempt", f.Preempt, "PREEMPT_RT"},
		{"clock", f.Clock, "arch_sys_counter"},
		{"isolated", f.Isolated, "1"},
		{"frequency", f.frequency(), "governor ondemand, 1500 to 2400 MHz"},
		{"heat", f.Celsius, 51.25},
		{"throttled", f.Throttled, "under-voltage now, throttled now, under-voltage since start, throttled since start"},
		{"memory", f.Memory, int64(4 << 30)},
		{"available", f.Available, int64(2 << 30)},
		{"swap", f.Swap, int64(512 << 10)},
		{"real-time share", f.Limits.RTRuntime, 950000},
	} {
		if is.got != is.want {
			t.Errorf("%s: %v, want %v", is.what, is.got, is.want)
		}
	}
	heat := ReadHeat(root(t, pi5))
	if heat.Celsius != 51.25 || heat.Throttled != "under-voltage now, throttled now" {
		t.Errorf("heat: %+v", heat)
	}
	var out bytes.Buffer
	if err := f.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"board   Raspberry Pi 5 Model B Rev 1.0", "2 × Cortex-A76", "51 °C", "note: the governor is ondemand", "note: the firmware says: under-voltage now"} {
		if !strings.Contains(out.String(), want) && f.Emulated == "" {
			t.Errorf("the board is printed without %q:\n%s", want, out.String())
		}
	}
}

func TestCPUInfo(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"Pi Zero", "processor\t: 0\nmodel name\t: ARMv6-compatible processor rev 7 (v6l)\nFeatures\t: half thumb vfp\nCPU implementer\t: 0x41\nCPU part\t: 0xb76\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi Zero Rev 1.3\n", "1 × ARM1176"},
		{"Xavier", core("0", "fp", "0xd03") + strings.Replace(core("1", "fp", "0x004"), "0x41", "0x4e", 1), "1 × Cortex-A53 + 1 × NVIDIA Carmel"},
		{"unknown part", core("0", "fp", "0x123"), "1 × implementer 0x41 part 0x123"},
		{"VisionFive 2", "processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\nuarch\t\t: sifive,u74-mc\n", "1 × rv64imafdc sifive,u74-mc"},
		{"PC", "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: sse avx2\n\nprocessor\t: 1\nmodel name\t: Some CPU\n", "2 × Some CPU"},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		f := Facts{CPUs: parseCPUInfo(test.text).cpus}
		if got := f.cpuNames(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	f := Read(root(t, map[string]string{"proc/cpuinfo": tests[0].text}), t.TempDir()) // as in a container
	if f.Model != "Raspberry Pi Zero Rev 1.3" {
		t.Errorf("model of the Zero: %q", f.Model)
	}
}

func TestEmulatedMachine(t *testing.T) {
	f := Read(root(t, map[string]string{"proc/device-tree/compatible": "linux,dummy-virt\x00"}), t.TempDir())
	if f.Emulated == "" {
		t.Error("QEMU's virt machine passes for a board")
	}
	if f.Throttled != "" || f.Celsius != 0 {
		t.Errorf("what no file tells is told: %+v", f)
	}
}
