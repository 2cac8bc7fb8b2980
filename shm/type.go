package shm

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Kind says how a topic's payload is encoded.
type Kind string

// The kinds of payload.
const (
	Struct      Kind = "struct"  // the bytes of a fixed layout
	Bytes       Kind = "bytes"   // opaque bytes of varying length
	MessagePack Kind = "msgpack" // one MessagePack value of varying length
)

// A Type is a topic's type descriptor. It is stored in the segment as text (see
// [Type.String]), so that a tool prints a topic's fields with no code for it.
type Type struct {
	Kind   Kind
	Name   string  // of the type in the program that made the topic; shown, never compared
	Size   int     // bytes: of the struct, or the capacity of the other kinds
	Fields []Field // leaves in order of offset; only for Struct
}

// A Field is a leaf of a struct: a number or bool, or an array of them. Fields of
// nested structs carry the path to them, with dots.
type Field struct {
	Name   string // in snake_case
	Elem   Elem
	Dims   []Dim // of the arrays around it, outermost first; none for a scalar
	Offset int   // of the first element, in bytes
}

// A Dim is an array's length and the distance of its elements in bytes, which is
// more than an element's size where the array's elements are structs.
type Dim struct{ Len, Stride int }

// An Elem is the type of a field's elements.
type Elem string

// The element types. Numbers are little-endian.
const (
	Bool       Elem = "bool"
	Int8       Elem = "i8"
	Int16      Elem = "i16"
	Int32      Elem = "i32"
	Int64      Elem = "i64"
	Uint8      Elem = "u8"
	Uint16     Elem = "u16"
	Uint32     Elem = "u32"
	Uint64     Elem = "u64"
	Float32    Elem = "f32"
	Float64    Elem = "f64"
	Complex64  Elem = "c64"
	Complex128 Elem = "c128"
)

var elemSizes = map[Elem]int{
	Bool: 1, Int8: 1, Uint8: 1, Int16: 2, Uint16: 2, Int32: 4, Uint32: 4, Float32: 4,
	Int64: 8, Uint64: 8, Float64: 8, Complex64: 8, Complex128: 16,
}

// Size returns the element's size in bytes, 0 for an unknown one.
func (e Elem) Size() int { return elemSizes[e] }

// String returns the descriptor's text as it stands in the segment: a line for
// the type and one for each field,
//
//	struct Attitude 48
//	t_us u64 @0
//	q f32[4] @8
//	cells.volts f32[3:8] @24
//
// where an array's [length:stride] leaves the stride out if its elements are
// packed.
func (t Type) String() string {
	var b strings.Builder
	name := t.Name
	if name == "" {
		name = "-"
	}
	fmt.Fprintf(&b, "%s %s %d\n", t.Kind, name, t.Size)
	for _, f := range t.Fields {
		fmt.Fprintf(&b, "%s %s @%d\n", f.Name, f.TypeText(), f.Offset)
	}
	return b.String()
}

// TypeText returns the field's type as the descriptor writes it: "f32[4]".
func (f Field) TypeText() string {
	text := string(f.Elem)
	packed := f.packed()
	for i, d := range f.Dims {
		if d.Stride == packed[i] {
			text += fmt.Sprintf("[%d]", d.Len)
		} else {
			text += fmt.Sprintf("[%d:%d]", d.Len, d.Stride)
		}
	}
	return text
}

// packed returns the stride that each dimension has when nothing lies between
// the elements of the next inner one.
func (f Field) packed() []int {
	strides := make([]int, len(f.Dims))
	size := f.Elem.Size()
	for i, d := range slices.Backward(f.Dims) {
		strides[i] = size
		size = d.Len * d.Stride
	}
	return strides
}

// layout is what two programs must agree on: the text without the type's name.
func (t Type) layout() string {
	t.Name = ""
	return t.String()
}

const (
	maxDescriptor = 32 << 10 // bytes of text
	maxSize       = 1 << 30  // bytes of payload
	maxDims       = 8
)

// ParseType reads a descriptor as [Type.String] writes it, and trusts nothing:
// every leaf it returns lies within the type's size. Errors match [ErrNotTopic].
func ParseType(text string) (Type, error) {
	bad := func(format string, args ...any) (Type, error) {
		return Type{}, fmt.Errorf("%w: type descriptor: %s", ErrNotTopic, fmt.Sprintf(format, args...))
	}
	if len(text) > maxDescriptor {
		return bad("%d bytes, at most %d", len(text), maxDescriptor)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	head := strings.Split(lines[0], " ")
	if len(head) != 3 {
		return bad("first line %q", lines[0])
	}
	size, err := number(head[2], maxSize)
	if err != nil || size == 0 {
		return bad("size %q", head[2])
	}
	t := Type{Kind: Kind(head[0]), Name: head[1], Size: size}
	if t.Name == "-" {
		t.Name = ""
	}
	switch t.Kind {
	case Struct:
	case Bytes, MessagePack:
		if len(lines) > 1 {
			return bad("kind %q with fields", t.Kind)
		}
	default:
		return bad("kind %q", t.Kind)
	}
	for _, line := range lines[1:] {
		f, err := parseField(line, size)
		if err != nil {
			return bad("field %q: %v", line, err)
		}
		t.Fields = append(t.Fields, f)
	}
	if t.String() != text {
		return bad("not in canonical form")
	}
	return t, nil
}

var errField = errors.New("malformed")

func parseField(line string, size int) (Field, error) {
	words := strings.Split(line, " ")
	if len(words) != 3 || words[0] == "" || !strings.HasPrefix(words[2], "@") {
		return Field{}, errField
	}
	elem, dims, _ := strings.Cut(words[1], "[")
	f := Field{Name: words[0], Elem: Elem(elem)}
	if f.Elem.Size() == 0 {
		return Field{}, fmt.Errorf("unknown element type %q", elem)
	}
	var err error
	if f.Offset, err = number(words[2][1:], size); err != nil {
		return Field{}, err
	}
	if dims != "" {
		if f.Dims, err = parseDims("["+dims, f.Elem.Size(), size); err != nil {
			return Field{}, err
		}
	}
	end := int64(f.Offset) + int64(f.Elem.Size()) // int is 32 bits on some CPUs
	for _, d := range f.Dims {
		end += int64(d.Len-1) * int64(d.Stride)
	}
	if end > int64(size) {
		return Field{}, fmt.Errorf("ends at byte %d of %d", end, size)
	}
	return f, nil
}

// parseDims reads "[2][3:8]". Strides that are left out follow from the inner
// dimension, so they are filled in from the right.
func parseDims(text string, elem, size int) ([]Dim, error) {
	parts := strings.Split(strings.TrimPrefix(text, "["), "][")
	if len(parts) > maxDims || !strings.HasSuffix(text, "]") {
		return nil, errField
	}
	parts[len(parts)-1] = strings.TrimSuffix(parts[len(parts)-1], "]")
	dims := make([]Dim, len(parts))
	inner := elem
	for i, part := range slices.Backward(parts) {
		length, stride, explicit := strings.Cut(part, ":")
		n, err := number(length, size)
		if err != nil || n == 0 {
			return nil, errField
		}
		dims[i] = Dim{Len: n, Stride: inner}
		if explicit {
			s, err := number(stride, size)
			if err != nil || s < inner {
				return nil, errField
			}
			dims[i].Stride = s
		}
		if dims[i].Stride > size/n {
			return nil, errField
		}
		inner = n * dims[i].Stride
	}
	return dims, nil
}

// number reads a decimal from 0 to limit in canonical form.
func number(s string, limit int) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || int(n) > limit || s != strconv.Itoa(int(n)) {
		return 0, errField
	}
	return int(n), nil
}

// compatible reports how a program that wants the type can use a topic of this
// one: nil, or a [*TypeError]. Opaque bytes match anything of their size.
func (t Type) compatible(want Type) error {
	if want.Kind == Bytes || t.layout() == want.layout() {
		return nil
	}
	if t.Kind == Bytes && want.Kind == Struct && t.Size == want.Size {
		return nil
	}
	return &TypeError{Topic: t, Want: want, Hint: hint(t, want)}
}

// hint tells what to do where two structs differ by their padding alone, as they
// do between 32-bit Go, which aligns 64-bit fields to 4 bytes, and everything else.
func hint(a, b Type) string {
	if a.Kind != Struct || b.Kind != Struct || len(a.Fields) != len(b.Fields) {
		return ""
	}
	for i, f := range a.Fields {
		g := b.Fields[i]
		if f.Name != g.Name || f.Elem != g.Elem || len(f.Dims) != len(g.Dims) {
			return ""
		}
	}
	for i, f := range a.Fields {
		g := b.Fields[i]
		if f.Offset != g.Offset {
			return fmt.Sprintf("the fields agree, their padding does not: put an explicit field `_ [%d]byte` before %s in the program that has it at byte %d\n",
				abs(f.Offset-g.Offset), f.Name, min(f.Offset, g.Offset))
		}
	}
	if a.Size != b.Size {
		return fmt.Sprintf("the fields agree, their padding does not: put an explicit field `_ [%d]byte` at the end of the smaller one\n", abs(a.Size-b.Size))
	}
	return ""
}

func abs(n int) int { return max(n, -n) }

// All yields every element of a payload of this type as a name (with an index in
// brackets for elements of arrays) and a value: bool, int64, uint64, float32,
// float64 or complex128. Of other kinds than [Struct] it yields nothing. A payload shorter
// than the type yields the elements that are all there.
func (t Type) All(payload []byte) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for _, f := range t.Fields {
			if !f.each(payload, f.Name, f.Offset, f.Dims, yield) {
				return
			}
		}
	}
}

// Len returns how many elements the field has in all: 1 for a scalar.
func (f Field) Len() int {
	n := 1
	for _, d := range f.Dims {
		n *= d.Len
	}
	return n
}

// Values yields the field's elements in a payload of its type, those of the last dimension
// side by side, with the values of [Type.All]. It makes no names, which for an image cost
// more than all else. A payload shorter than the type yields the elements that are all there.
func (f Field) Values(payload []byte) iter.Seq[any] {
	return func(yield func(any) bool) { f.values(payload, f.Offset, f.Dims, yield) }
}

func (f Field) values(p []byte, at int, dims []Dim, yield func(any) bool) bool {
	if len(dims) == 0 {
		return at+f.Elem.Size() > len(p) || yield(f.Elem.decode(p[at:]))
	}
	for i := range dims[0].Len {
		if !f.values(p, at+i*dims[0].Stride, dims[1:], yield) {
			return false
		}
	}
	return true
}

func (f Field) each(p []byte, name string, at int, dims []Dim, yield func(string, any) bool) bool {
	if len(dims) == 0 {
		if at+f.Elem.Size() > len(p) {
			return true
		}
		return yield(name, f.Elem.decode(p[at:]))
	}
	for i := range dims[0].Len {
		if !f.each(p, fmt.Sprintf("%s[%d]", name, i), at+i*dims[0].Stride, dims[1:], yield) {
			return false
		}
	}
	return true
}

func (e Elem) decode(p []byte) any {
	var u uint64
	for i := range min(e.Size(), 8) {
		u |= uint64(p[i]) << (8 * i)
	}
	switch e {
	case Bool:
		return u != 0
	case Int8:
		return int64(int8(u))
	case Int16:
		return int64(int16(u))
	case Int32:
		return int64(int32(u))
	case Int64:
		return int64(u)
	case Float32:
		return math.Float32frombits(uint32(u))
	case Float64:
		return math.Float64frombits(u)
	case Complex64:
		return complex(float64(math.Float32frombits(uint32(u))), float64(math.Float32frombits(uint32(u>>32))))
	case Complex128:
		return complex(math.Float64frombits(u), Float64.decode(p[8:]).(float64))
	}
	return u
}
