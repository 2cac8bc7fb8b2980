package sensors

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// cpu remembers the counters of /proc/stat, whose differences are the load.
type cpu struct {
	busy, total float64
	load        float64
}

// sample returns the load since the sample before. The counters go in steps of some
// 10 ms; while they stand still the load is what it was.
func (c *cpu) sample(path string) float64 {
	busy, total, ok := cpuTimes(path)
	if !ok {
		*c = cpu{load: math.NaN()}
		return c.load
	}
	if c.total > 0 && total > c.total {
		c.load = min(max((busy-c.busy)/(total-c.total), 0), 1)
	}
	c.busy, c.total = busy, total
	return c.load
}

// cpuTimes reads the first line of /proc/stat: "cpu", then user, nice, system, idle,
// iowait, irq, softirq, steal and two that user and nice contain already.
func cpuTimes(path string) (busy, total float64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := strings.Cut(string(text), "\n")
	words := strings.Fields(line)
	if len(words) < 5 || words[0] != "cpu" {
		return 0, 0, false
	}
	for i, word := range words[1:min(len(words), 9)] {
		n := number(word)
		total += n
		if i != 3 && i != 4 {
			busy += n
		}
	}
	return busy, total, total > 0
}

// memory returns the share that is not available, from /proc/meminfo.
func memory(path string) float64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return math.NaN()
	}
	total, available := math.NaN(), math.NaN()
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "MemTotal:":
			total = number(words[1])
		case "MemAvailable:":
			available = number(words[1])
		}
	}
	return (total - available) / total
}

// network adds up the bytes of all interfaces but loopback, from /proc/net/dev.
func network(path string) (received, sent float64) {
	text, err := os.ReadFile(path)
	if err != nil {
		return math.NaN(), math.NaN()
	}
	found := false
	for line := range strings.Lines(string(text)) {
		name, counters, ok := strings.Cut(line, ":")
		words := strings.Fields(counters)
		if !ok || len(words) < 9 || strings.TrimSpace(name) == "lo" {
			continue
		}
		found = true
		received += number(words[0])
		sent += number(words[8])
	}
	if !found {
		return math.NaN(), math.NaN()
	}
	return received, sent
}

// number reads a decimal number; NaN if it is none.
func number(word string) float64 {
	x, err := strconv.ParseFloat(word, 64)
	if err != nil {
		return math.NaN()
	}
	return x
}
