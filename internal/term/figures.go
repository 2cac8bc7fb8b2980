package term

import (
	"fmt"
	"math"
	"time"
)

// Duration writes a duration with two or three digits, as people read it.
func Duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + " µs"
	case d < time.Second:
		return digits(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}

// Bytes writes a number of bytes with a decimal prefix.
func Bytes(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 999.5 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return digits(n) + " " + unit
		}
		n /= 1000
	}
	return digits(n) + " TB"
}

func digits(x float64) string {
	if math.Abs(x) < 9.95 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

var bars = []rune("▁▂▃▄▅▆▇█")

// Spark draws numbers as a row of bars, from lo (lowest) to hi; what is not a number
// is a gap.
func Spark(values []float64, lo, hi float64) string {
	row := make([]rune, len(values))
	for i, v := range values {
		row[i] = bar((v - lo) / (hi - lo))
	}
	return string(row)
}

func bar(x float64) rune {
	if math.IsNaN(x) {
		return ' '
	}
	top := len(bars) - 1
	return bars[int(min(max(x, 0), 1)*float64(top)+0.5)]
}
