package shm

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TypeOf returns the descriptor of T: a struct, or a number, bool or array, which
// counts as a struct with one field named "value". It refuses what cannot live
// in shared memory with an error that names the field and matches [ErrBadType]:
// pointers, slices, strings, maps, channels, functions, interfaces, and int, uint
// and uintptr, whose size depends on the CPU.
//
// A field's name is its Go name in snake_case, or what its tag says:
//
//	GyroRad [3]float32 `tism:"gyro_rad"`
//
// Blank fields (_) are padding.
func TypeOf[T any]() (Type, error) {
	t := reflect.TypeFor[T]()
	d := describer{seen: make(map[string]bool)}
	name := ""
	if t.Kind() != reflect.Struct {
		name = "value"
	}
	if err := d.walk(t, name, nil, 0); err != nil {
		return Type{}, fmt.Errorf("%w: %v: %w", ErrBadType, t, err)
	}
	if t.Size() == 0 || len(d.fields) == 0 {
		return Type{}, fmt.Errorf("%w: %v has no data", ErrBadType, t)
	}
	if t.Size() > maxSize {
		return Type{}, fmt.Errorf("%w: %v has %d bytes, at most %d", ErrBadType, t, t.Size(), maxSize)
	}
	typ := Type{Kind: Struct, Name: typeName(t), Size: int(t.Size()), Fields: d.fields}
	if n := len(typ.String()); n > maxDescriptor {
		return Type{}, fmt.Errorf("%w: %v: its descriptor has %d bytes, at most %d: use arrays for repeated fields", ErrBadType, t, n, maxDescriptor)
	}
	return typ, nil
}

// CheckPortable returns an error that tells which padding to add if T has another
// layout on 32-bit CPUs than on 64-bit ones (Go aligns 64-bit fields to 4 bytes
// there, C to 8). Call it in a test of your own.
func CheckPortable[T any]() error {
	if _, err := TypeOf[T](); err != nil {
		return err
	}
	t := reflect.TypeFor[T]()
	if err := samePadding(t, typeName(t)); err != nil {
		return fmt.Errorf("%w: %v differs between 32-bit and 64-bit CPUs: %w", ErrBadType, t, err)
	}
	return nil
}

type describer struct {
	fields []Field
	seen   map[string]bool
}

var elems = map[reflect.Kind]Elem{
	reflect.Bool: Bool,
	reflect.Int8: Int8, reflect.Int16: Int16, reflect.Int32: Int32, reflect.Int64: Int64,
	reflect.Uint8: Uint8, reflect.Uint16: Uint16, reflect.Uint32: Uint32, reflect.Uint64: Uint64,
	reflect.Float32: Float32, reflect.Float64: Float64,
	reflect.Complex64: Complex64, reflect.Complex128: Complex128,
}

func (d *describer) walk(t reflect.Type, name string, dims []Dim, offset uintptr) error {
	switch t.Kind() {
	case reflect.Struct:
		return d.walkStruct(t, name, dims, offset)
	case reflect.Array:
		if t.Len() == 0 {
			return fmt.Errorf("field %s: an array of length 0", name)
		}
		if len(dims) == maxDims {
			return fmt.Errorf("field %s: more than %d dimensions", name, maxDims)
		}
		// A copy: sibling fields must not share the tail.
		inner := append(dims[:len(dims):len(dims)], Dim{Len: t.Len(), Stride: int(t.Elem().Size())})
		return d.walk(t.Elem(), name, inner, offset)
	}
	elem, ok := elems[t.Kind()]
	if !ok {
		return fmt.Errorf("field %s: %v cannot be shared%s", name, t, instead(t.Kind()))
	}
	if d.seen[name] {
		return fmt.Errorf("two fields are named %s", name)
	}
	d.seen[name] = true
	d.fields = append(d.fields, Field{Name: name, Elem: elem, Dims: dims, Offset: int(offset)})
	return nil
}

func (d *describer) walkStruct(t reflect.Type, prefix string, dims []Dim, offset uintptr) error {
	for f := range t.Fields() {
		if f.Name == "_" {
			continue
		}
		name, err := fieldName(f)
		if err != nil {
			return err
		}
		if prefix != "" {
			name = prefix + "." + name
		}
		if err := d.walk(f.Type, name, dims, offset+f.Offset); err != nil {
			return err
		}
	}
	return nil
}

func instead(k reflect.Kind) string {
	switch k {
	case reflect.Int:
		return ": use int32 or int64"
	case reflect.Uint, reflect.Uintptr:
		return ": use uint32 or uint64"
	case reflect.String, reflect.Slice:
		return ": use an array, or a byte topic"
	}
	return ""
}

func fieldName(f reflect.StructField) (string, error) {
	name, ok := f.Tag.Lookup("tism")
	if !ok {
		return snake(f.Name), nil
	}
	if name == "" || strings.ContainsFunc(name, notNameRune) {
		return "", fmt.Errorf("field %s: tag %q: a name is letters, digits and _", f.Name, name)
	}
	return name, nil
}

func notNameRune(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// snake turns GyroRad into gyro_rad and HTTPCode into http_code: an underscore
// goes before a capital that follows a small letter or digit, and before the last
// capital of several if a small letter follows.
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if !isCapital(r) {
			b.WriteRune(r)
			continue
		}
		if i > 0 && runes[i-1] != '_' {
			after := !isCapital(runes[i-1])
			before := i+1 < len(runes) && runes[i+1] >= 'a' && runes[i+1] <= 'z'
			if after || before {
				b.WriteByte('_')
			}
		}
		b.WriteRune(r - 'A' + 'a')
	}
	return b.String()
}

// isCapital knows the letters that every language's implementation does.
func isCapital(r rune) bool { return r >= 'A' && r <= 'Z' }

// typeName is what people see: without the package, one word.
func typeName(t reflect.Type) string {
	name := t.Name()
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	if name == "" || !utf8.ValidString(name) {
		return ""
	}
	return name
}

// samePadding compares the offsets with those that natural alignment and 32-bit
// Go's give.
func samePadding(t reflect.Type, path string) error {
	switch t.Kind() {
	case reflect.Array:
		return samePadding(t.Elem(), path+"[]")
	case reflect.Struct:
	default:
		return nil
	}
	var at64, at32 uintptr
	for f := range t.Fields() {
		size, align64, align32 := f.Type.Size(), alignment(f.Type, 8), alignment(f.Type, 4)
		at64, at32 = roundUp(at64, align64), roundUp(at32, align32)
		where := path + "." + f.Name
		if at64 != at32 {
			return fmt.Errorf("%s is at byte %d or %d: put `_ [%d]byte` before it", where, at32, at64, at64-at32)
		}
		if err := samePadding(f.Type, where); err != nil {
			return err
		}
		at64, at32 = at64+size, at32+size
	}
	end64, end32 := roundUp(at64, alignment(t, 8)), roundUp(at32, alignment(t, 4))
	if end64 != end32 {
		return fmt.Errorf("%s has %d or %d bytes: put `_ [%d]byte` at its end", path, end32, end64, end64-end32)
	}
	return nil
}

// alignment is that of t where nothing is aligned to more than limit bytes.
func alignment(t reflect.Type, limit uintptr) uintptr {
	switch t.Kind() {
	case reflect.Array:
		return alignment(t.Elem(), limit)
	case reflect.Struct:
		align := uintptr(1)
		for f := range t.Fields() {
			align = max(align, alignment(f.Type, limit))
		}
		return align
	case reflect.Complex64:
		return 4
	case reflect.Complex128:
		return min(8, limit)
	}
	return min(t.Size(), limit)
}

func roundUp(n, to uintptr) uintptr { return (n + to - 1) / to * to }
