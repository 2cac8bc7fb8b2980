package sensors

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A sensor is a file of /sys with a number in it: value = (number + offset) × scale.
type sensor struct {
	Reading
	path          string
	offset, scale float64
}

func (s *sensor) read() { s.Value = (fileNumber(s.path) + s.offset) * s.scale }

// thermalZones finds the temperatures of /sys/class/thermal, which are in m°C.
func thermalZones(root string) []sensor {
	var found []sensor
	for _, path := range glob(root, "sys/class/thermal/thermal_zone*/temp") {
		name := fileText(filepath.Join(filepath.Dir(path), "type"))
		found = append(found, thermometer(name, path))
	}
	return found
}

// hwmonTemperatures finds the temperatures of /sys/class/hwmon, likewise.
func hwmonTemperatures(root string) []sensor {
	var found []sensor
	for _, path := range glob(root, "sys/class/hwmon/hwmon*/temp*_input") {
		name := fileText(filepath.Join(filepath.Dir(path), "name"))
		if label := fileText(strings.TrimSuffix(path, "_input") + "_label"); label != "" {
			name += " " + label
		}
		found = append(found, thermometer(name, path))
	}
	return found
}

func thermometer(name, path string) sensor {
	return sensor{Reading: Reading{Name: name, Unit: "°C", Value: math.NaN()}, path: path, scale: 1e-3}
}

// distinct leaves out what a thermal zone and hwmon both show, as most boards' kernels
// do: hwmon has underscores for the zone's hyphens then.
func distinct(all []sensor) []sensor {
	seen := make(map[string]bool)
	return slices.DeleteFunc(all, func(s sensor) bool {
		key := strings.ReplaceAll(s.Name, "-", "_")
		again := seen[key] && strings.Contains(s.path, "/hwmon/")
		seen[key] = true
		return again
	})
}

// iioChannels finds the channels of the first device of /sys/bus/iio/devices that
// has any: in_TYPE_input is a value in its unit, in_TYPE_raw wants the device's scale and
// offset (Documentation/ABI/testing/sysfs-bus-iio).
func iioChannels(root string) []sensor {
	for _, dir := range glob(root, "sys/bus/iio/devices/iio:device*") {
		var found []sensor
		for _, path := range append(glob(dir, "in_*_input"), glob(dir, "in_*_raw")...) {
			found = append(found, iioChannel(dir, path))
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func iioChannel(dir, path string) sensor {
	channel, form := cutLast(strings.TrimPrefix(filepath.Base(path), "in_"), "_")
	kind := strings.TrimRight(strings.Split(channel, "_")[0], "0123456789-")
	unit := iioUnits[kind]
	s := sensor{Reading: Reading{Name: channel, Unit: unit.name, Value: math.NaN()}, path: path, scale: unit.scale}
	if unit.scale == 0 {
		s.scale = 1
	}
	if form == "raw" {
		s.scale *= attribute(dir, channel, kind, "scale", 1)
		s.offset = attribute(dir, channel, kind, "offset", 0)
	}
	return s
}

// iioUnits tells the unit of each kind of channel, and what makes it of the kernel's.
var iioUnits = map[string]struct {
	name  string
	scale float64
}{
	"accel":            {"m/s²", 1},
	"anglvel":          {"rad/s", 1},
	"magn":             {"G", 1},
	"pressure":         {"kPa", 1},
	"temp":             {"°C", 1e-3},
	"voltage":          {"V", 1e-3},
	"current":          {"A", 1e-3},
	"power":            {"W", 1e-3},
	"humidityrelative": {"%", 1e-3},
	"illuminance":      {"lx", 1},
}

// attribute reads what a channel has for itself or shares with all of its kind.
func attribute(dir, channel, kind, name string, otherwise float64) float64 {
	for _, of := range []string{channel, kind} {
		if x := fileNumber(filepath.Join(dir, "in_"+of+"_"+name)); !math.IsNaN(x) {
			return x
		}
	}
	return otherwise
}

func cutLast(s, sep string) (before, after string) {
	i := strings.LastIndex(s, sep)
	return s[:i], s[i+len(sep):]
}

func fileText(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func fileNumber(path string) float64 { return number(fileText(path)) }

// glob returns the files that match, in the order of their names. A pattern without a
// match, or a directory without permission, is nothing.
func glob(dir, pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(dir, pattern))
	return found
}
