package codec

import (
	"fmt"
	"iter"

	"github.com/tinylib/msgp/msgp"
)

// All yields every element of a MessagePack payload as a name and a value, in the order
// in which they are encoded: "cell[2].volts" for what is nested, "value" where
// nothing has a name. A value is nil, bool, int64, uint64, float32, float64, complex64,
// complex128, string, []byte, time.Time, or an extension of msgp's; an empty array or
// map is []any{} or map[string]any{}. It is what [shm.Type.All] is for structs, so
// that a tool prints any topic without code for it. It stops at what is not
// well-formed; [Check] says so beforehand.
func All(payload []byte) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if _, err := wellFormed(payload); err == nil {
			each(payload, 0, "", yield)
		}
	}
}

func each(b []byte, at int, path string, yield func(string, any) bool) bool {
	switch msgp.NextType(b[at:]) {
	case msgp.MapType:
		fs := fields(b, at)
		for _, f := range fs {
			if !each(b, f.value, join(path, f.name), yield) {
				return false
			}
		}
		return len(fs) > 0 || yield(orValue(path), map[string]any{})
	case msgp.ArrayType:
		is := items(b, at)
		for i, value := range is {
			if !each(b, value, fmt.Sprintf("%s[%d]", orValue(path), i), yield) {
				return false
			}
		}
		return len(is) > 0 || yield(orValue(path), []any{})
	}
	v, _, err := msgp.ReadIntfBytes(b[at:])
	return err == nil && yield(orValue(path), v)
}

func orValue(path string) string {
	if path == "" {
		return "value"
	}
	return path
}

// A field is an entry of an encoded map.
type field struct {
	name       string
	key, value int // offsets
}

// fields returns the entries of the map at an offset of well-formed b.
func fields(b []byte, at int) []field {
	values := items(b, at)
	fs := make([]field, len(values)/2)
	for i := range fs {
		key, value := values[2*i], values[2*i+1]
		fs[i] = field{name: keyText(b[key:value]), key: key, value: value}
	}
	return fs
}

// keyText returns a key as text, of another type than MessagePack's usual strings too.
func keyText(b []byte) string {
	if s, _, err := msgp.ReadMapKeyZC(b); err == nil {
		return string(s)
	}
	if v, _, err := msgp.ReadIntfBytes(b); err == nil {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%x", b)
}

// items returns the offsets of the children of the array or map at an offset of
// well-formed b.
func items(b []byte, at int) []int {
	size, n, err := element(b, at)
	if err != nil {
		return nil
	}
	offsets := make([]int, n)
	at += size
	for i := range offsets {
		offsets[i] = at
		if at, err = skip(b, at, 1, 0); err != nil {
			return nil
		}
	}
	return offsets
}
