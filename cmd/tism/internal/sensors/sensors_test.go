package sensors

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// board makes a tree of files as /proc and /sys have them.
func board(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func same(a, b float64) bool {
	return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b)
}

func TestNothingIsMadeUp(t *testing.T) {
	s := Open(t.TempDir()).Sample()
	for name, x := range map[string]float64{"load": s.Load, "memory": s.Memory, "received": s.Received, "sent": s.Sent} {
		if !math.IsNaN(x) {
			t.Errorf("%s of a machine without files = %v, want NaN", name, x)
		}
	}
	if n := len(s.Temperatures) + len(s.IIO); n != 0 {
		t.Errorf("%d sensors of a machine without files", n)
	}
}

func TestGarbageIsMissing(t *testing.T) {
	for _, text := range []string{"", "\n", "cpu", "cpu a b c d e f", "MemTotal:\nMemAvailable: x kB\n", "eth0: 1 2 3\n", "eth0: a b c d e f g h i j\n"} {
		root := board(t, map[string]string{
			"proc/stat": text, "proc/meminfo": text, "proc/net/dev": text,
			"sys/class/thermal/thermal_zone0/temp": text, "sys/class/thermal/thermal_zone0/type": "soc",
		})
		m := Open(root)
		m.Sample()
		s := m.Sample()
		if !math.IsNaN(s.Load) || !math.IsNaN(s.Memory) || !math.IsNaN(s.Received) || !math.IsNaN(s.Temperatures[0].Value) {
			t.Errorf("sample of files with %q = %+v, want NaN", text, s)
		}
	}
}

func TestLoad(t *testing.T) {
	root := board(t, nil)
	m := Open(root)
	steps := []struct {
		stat string
		want float64
	}{
		{"cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3", math.NaN()}, // there is nothing to compare with
		{"cpu  110 0 110 800 0 0 0 0 0 0", 1},
		{"cpu  110 0 110 800 0 0 0 0 0 0", 1}, // the counters stand still
		{"cpu  115 0 110 805 10 0 0 0 99 99", 0.25},
		{"cpu  115 1 110 805 10 1 1 1 99 99", 1},
		{"gone", math.NaN()},
	}
	for i, step := range steps {
		write(t, root, "proc/stat", step.stat)
		if got := m.Sample().Load; !same(got, step.want) {
			t.Errorf("load after step %d = %v, want %v", i, got, step.want)
		}
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryAndNetwork(t *testing.T) {
	s := Open(board(t, map[string]string{
		"proc/meminfo": "MemTotal:  1000 kB\nMemFree: 10 kB\nMemAvailable:    250 kB\n",
		"proc/net/dev": "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes\n" +
			"    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n" +
			"  eth0: 1000 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n" +
			" wlan0:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n",
	})).Sample()
	if s.Memory != 0.75 || s.Received != 1005 || s.Sent != 27 {
		t.Errorf("memory %v, received %v, sent %v; want 0.75, 1005, 27", s.Memory, s.Received, s.Sent)
	}
}

func TestSensors(t *testing.T) {
	root := board(t, map[string]string{
		"sys/class/thermal/thermal_zone0/type":                   "cpu-thermal\n",
		"sys/class/thermal/thermal_zone0/temp":                   "48312\n",
		"sys/class/hwmon/hwmon0/name":                            "cpu_thermal\n", // the same sensor
		"sys/class/hwmon/hwmon0/temp1_input":                     "48312\n",
		"sys/class/hwmon/hwmon1/name":                            "nvme\n",
		"sys/class/hwmon/hwmon1/temp1_input":                     "-1500\n",
		"sys/class/hwmon/hwmon1/temp1_label":                     "Composite\n",
		"sys/bus/iio/devices/iio:device0/name":                   "a trigger without channels",
		"sys/bus/iio/devices/iio:device1/name":                   "sensor",
		"sys/bus/iio/devices/iio:device1/in_temp_raw":            "100",
		"sys/bus/iio/devices/iio:device1/in_temp_scale":          "10",
		"sys/bus/iio/devices/iio:device1/in_temp_offset":         "-50",
		"sys/bus/iio/devices/iio:device1/in_accel_x_raw":         "200",
		"sys/bus/iio/devices/iio:device1/in_accel_scale":         "0.01",
		"sys/bus/iio/devices/iio:device1/in_voltage0_raw":        "2048",
		"sys/bus/iio/devices/iio:device1/in_voltage_scale":       "0.5",
		"sys/bus/iio/devices/iio:device1/in_voltage0_offset":     "2",
		"sys/bus/iio/devices/iio:device1/in_pressure_input":      "101.325",
		"sys/bus/iio/devices/iio:device1/in_strange_raw":         "7",
		"sys/bus/iio/devices/iio:device1/in_illuminance_raw":     "dark",
		"sys/bus/iio/devices/iio:device1/sampling_frequency_raw": "1",
	})
	s := Open(root).Sample()
	check(t, "temperatures", s.Temperatures, "[{cpu-thermal °C 48.312} {nvme Composite °C -1.5}]")
	check(t, "IIO", s.IIO, "[{pressure kPa 101.325} {accel_x m/s² 2} {illuminance lx NaN} {strange  7} {temp °C 0.5} {voltage0 V 1.025}]")
}

func check(t *testing.T, what string, got []Reading, want string) {
	t.Helper()
	if text := fmt.Sprint(got); text != want {
		t.Errorf("%s = %s, want %s", what, text, want)
	}
}

// Sensors take turns, so that a slow one costs its time once in a while.
func TestOneSensorPerSample(t *testing.T) {
	const first, second = "sys/class/thermal/thermal_zone0/temp", "sys/class/thermal/thermal_zone1/temp"
	root := board(t, map[string]string{first: "1000", second: "1000"})
	m := Open(root)
	write(t, root, first, "2000")
	write(t, root, second, "2000")
	for i, want := range []string{"[{ °C 2} { °C 1}]", "[{ °C 2} { °C 2}]"} {
		check(t, fmt.Sprintf("temperatures in sample %d", i), m.Sample().Temperatures, want)
	}
	if err := os.Remove(filepath.Join(root, first)); err != nil {
		t.Fatal(err)
	}
	check(t, "temperatures after one has gone", m.Sample().Temperatures, "[{ °C NaN} { °C 2}]")
}
