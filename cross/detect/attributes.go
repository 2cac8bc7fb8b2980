package detect

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
)

// readC reads what the C compiler and the linker left in an executable for 32-bit ARM: the newest
// architecture of all that was linked into it, the C library's start-up code included. Executables for
// other CPUs tell nothing of the kind.
func readC(path string) (Program, error) {
	f, err := elf.Open(path)
	if err != nil {
		return Program{}, err
	}
	defer f.Close()
	section := f.Section(".ARM.attributes")
	if f.Machine != elf.EM_ARM || section == nil {
		return Program{}, fmt.Errorf("%s: no Go program, and one for %s does not tell the CPU that it needs", path, f.Machine)
	}
	data, err := section.Data()
	if err != nil {
		return Program{}, err
	}
	arm, err := attributes(data)
	if err != nil {
		return Program{}, fmt.Errorf("%s: %w", path, err)
	}
	return Program{Path: path, GOOS: "linux", GOARCH: "arm", ARM: arm}, nil
}

var errAttributes = errors.New("its ARM attributes cannot be read")

// cpuArch is the version for each value of Tag_CPU_arch ("Addenda to, and Errata in, the ABI for the Arm
// Architecture"): before v4, v4, v4T, v5T, v5TE, v5TEJ, v6, v6KZ, v6T2, v6K, v7, v6-M, v6S-M, v7E-M, v8 ...
// Of v8 in a 32-bit system no machine tells, so it counts as 7.
var cpuArch = []int{3, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7, 6, 6, 7, 7, 7, 7, 7}

// attributes finds what a section of attributes says of the CPU, as GOARM would: "7", "6,softfloat". It is
// 'A', then for each vendor a length, a name and subsections, of which the first with tag 1 is about the
// whole file.
func attributes(data []byte) (string, error) {
	if len(data) < 1 || data[0] != 'A' {
		return "", errAttributes
	}
	for data = data[1:]; len(data) >= 4; {
		size := binary.LittleEndian.Uint32(data)
		if size < 4 || int64(size) > int64(len(data)) {
			return "", errAttributes
		}
		name, body, ok := bytes.Cut(data[4:size], []byte{0})
		data = data[size:]
		if ok && string(name) == "aeabi" && len(body) > 5 && body[0] == 1 {
			return fileAttributes(body[5:])
		}
	}
	return "", errAttributes
}

// fileAttributes goes through pairs of a tag and a value, which is a number, or for some tags a text.
func fileAttributes(body []byte) (string, error) {
	const arch, fp, compatibility = 6, 10, 32
	version, float := 0, ",softfloat"
	for len(body) > 0 {
		tag, n := binary.Uvarint(body) // LEB128
		if n <= 0 {
			return "", errAttributes
		}
		body = body[n:]
		if tag == 4 || tag == 5 || tag > compatibility && tag%2 == 1 {
			_, body, _ = bytes.Cut(body, []byte{0})
			continue
		}
		value, n := binary.Uvarint(body)
		if n <= 0 {
			return "", errAttributes
		}
		body = body[n:]
		switch {
		case tag == arch && value < uint64(len(cpuArch)):
			version = cpuArch[value]
		case tag == fp && value > 0:
			float = ""
		case tag == compatibility:
			_, body, _ = bytes.Cut(body, []byte{0})
		}
	}
	if version == 0 {
		return "", errAttributes
	}
	return fmt.Sprint(version, float), nil
}
