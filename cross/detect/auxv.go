package detect

import "encoding/binary"

// Keys of the auxiliary vector, see getauxval(3).
const (
	atNull    = 0
	atPageSz  = 6
	atHWCap   = 16
	atHighest = 64 // keys stay below it
)

// parseAuxv reads the vector of a 32-bit or 64-bit program, little-endian. It returns
// zeros if the text is neither.
func parseAuxv(text string) (hwcap uint64, page int) {
	for _, word := range []int{8, 4} {
		if values, ok := auxv([]byte(text), word); ok {
			return values[atHWCap], int(values[atPageSz])
		}
	}
	return 0, 0
}

// auxv reports false if data is not a vector of such words: pairs of a small key and a
// value, the last key being zero.
func auxv(data []byte, word int) (map[uint64]uint64, bool) {
	values := map[uint64]uint64{}
	for len(data) >= 2*word {
		key, value := loadWord(data, word), loadWord(data[word:], word)
		if key == atNull {
			return values, len(values) > 0
		}
		if key > atHighest {
			return nil, false
		}
		values[key] = value
		data = data[2*word:]
	}
	return nil, false
}

func loadWord(b []byte, word int) uint64 {
	if word == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// The bits of AT_HWCAP that decide between builds, in the kernel's order, with the names that
// /proc/cpuinfo gives them (arch/arm64 and arch/arm, uapi/asm/hwcap.h).
var (
	hwcapsArm64 = map[uint]string{0: "fp", 1: "asimd", 8: "atomics"}
	hwcapsArm   = map[uint]string{6: "vfp", 12: "neon", 13: "vfpv3", 14: "vfpv3d16", 16: "vfpv4"}
)

// addHWCAP adds the features that the vector tells and /proc/cpuinfo does not: under
// qemu-user that file is the host's.
func (m *Machine) addHWCAP(hwcap uint64) {
	names := map[string]map[uint]string{"arm64": hwcapsArm64, "arm": hwcapsArm}[m.System]
	for bit := range uint(32) {
		if name := names[bit]; name != "" && hwcap>>bit&1 != 0 && !m.Has(name) {
			m.Features = append(m.Features, name)
		}
	}
}
