package demo

import (
	"fmt"
	"math"

	"github.com/tism-go/tism/internal/term"
)

// A gauge is one thing about this machine, as it was measured and as it was filtered.
type gauge struct {
	name               string
	measured, filtered quantity
	lo, hi             float64 // the range of its bars; they fit themselves if both are 0
}

// A quantity is a number, NaN for a missing one, and how it is written.
type quantity struct {
	value float64
	text  string
}

const missing = "missing"

func gauges(b Board, e Estimate) []gauge {
	all := []gauge{
		{name: "CPU load", measured: percent(b.Load), filtered: percent(e.Load), hi: 100},
		{name: "memory", measured: percent(b.Memory), filtered: percent(e.Memory), hi: 100},
		{name: "network in", measured: counted(b.Received), filtered: perSecond(e.Received)},
		{name: "network out", measured: counted(b.Sent), filtered: perSecond(e.Sent)},
	}
	all = append(all, sensorGauges("temperature", b.Temperatures, e.Temperatures)...)
	return append(all, sensorGauges("IIO sensor", b.IIO, e.IIO)...)
}

// sensorGauges has one gauge that says "missing" where there is no such sensor.
func sensorGauges(kind string, readings [maxReadings]Reading, tracks [maxReadings]Track) []gauge {
	var all []gauge
	for i, r := range readings {
		if name := text(r.Name[:]); name != "" {
			unit := text(r.Unit[:])
			all = append(all, gauge{name: name, measured: inUnit(r.Value, unit), filtered: inUnit(tracks[i].Value, unit)})
		}
	}
	if all == nil {
		return []gauge{{name: kind, measured: inUnit(nan, ""), filtered: inUnit(nan, "")}}
	}
	return all
}

func percent(share float32) quantity { return inUnit(share*100, "%") }

func inUnit(x float32, unit string) quantity {
	if isNaN(x) {
		return quantity{math.NaN(), missing}
	}
	return quantity{float64(x), fmt.Sprintf("%.1f %s", x, unit)}
}

func perSecond(n float32) quantity {
	if isNaN(n) {
		return quantity{math.NaN(), missing}
	}
	return quantity{float64(n), term.Bytes(float64(n)) + "/s"}
}

// counted is a number of bytes since boot, which only grows: bars of it say nothing.
func counted(n float64) quantity {
	if math.IsNaN(n) {
		return quantity{n, missing}
	}
	return quantity{math.NaN(), term.Bytes(n)}
}

// past is the last values of something, the newest at the end.
type past []float64

const maxPast = 60

func (p *past) add(x float64) {
	*p = append(*p, x)
	if n := len(*p); n > maxPast {
		*p = append((*p)[:0], (*p)[n-maxPast:]...)
	}
}

// last returns the last n values, NaN for those that there are not.
func (p past) last(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.NaN()
		if at := len(p) - n + i; at >= 0 {
			values[i] = p[at]
		}
	}
	return values
}

// bars draws the last n values.
func (p past) bars(n int, lo, hi float64) string {
	values := p.last(n)
	if lo == hi {
		lo, hi = span(values)
	}
	return term.Spark(values, lo, hi)
}

// span is the range of the values, somewhat wider so that little noise looks little.
func span(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range values {
		if !math.IsNaN(x) {
			lo, hi = min(lo, x), max(hi, x)
		}
	}
	if lo == hi {
		return lo, hi + 1
	}
	margin := max(math.Abs(hi)/100, (hi-lo)/10)
	return lo - margin, hi + margin
}
