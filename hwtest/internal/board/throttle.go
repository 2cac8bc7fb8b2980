package board

import (
	"strconv"
	"strings"
)

// throttled says in words what the firmware of a Raspberry Pi knows of its power and heat.
func (r reader) throttled() string {
	t, ok := r.piThrottled()
	if !ok {
		return ""
	}
	return throttleWords(t)
}

// The bits of the firmware's GET_THROTTLED: 0 to 3 now, 16 to 19 since it started.
var throttleBits = []struct {
	bit  uint
	text string
}{
	{0, "under-voltage now"}, {1, "frequency capped now"}, {2, "throttled now"}, {3, "soft temperature limit now"},
	{16, "under-voltage since start"}, {17, "frequency capped since start"}, {18, "throttled since start"}, {19, "soft temperature limit since start"},
}

func throttleWords(t uint32) string {
	var words []string
	for _, b := range throttleBits {
		if t>>b.bit&1 != 0 {
			words = append(words, b.text)
		}
	}
	if len(words) == 0 {
		return "no"
	}
	return strings.Join(words, ", ")
}

// piThrottled asks the firmware of a Raspberry Pi; ok is false elsewhere.
func (r reader) piThrottled() (t uint32, ok bool) {
	for _, path := range []string{
		"sys/devices/platform/soc/soc:firmware/get_throttled",
		"sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled", // Pi 5
	} {
		if n, err := strconv.ParseUint(strings.TrimPrefix(r.line(path), "0x"), 16, 32); err == nil {
			return uint32(n), true
		}
	}
	if r != "/" {
		return 0, false
	}
	return mailboxThrottled()
}
