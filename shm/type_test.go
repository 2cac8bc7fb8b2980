package shm_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/tism-go/tism/shm"
)

type cell struct {
	ID    uint8
	Volts float32
}

type everything struct {
	TimeUS   uint64
	Q        [4]float32
	Matrix   [2][3]float64
	Cells    [3]cell
	HTTPCode uint16
	OK       bool
	_        [5]byte
	Nested   struct {
		GyroRad [3]float32
		_       [4]byte
	}
	Renamed int64 `tism:"battery_mV"`
}

const everythingText = `struct everything 128
time_us u64 @0
q f32[4] @8
matrix f64[2][3] @24
cells.id u8[3:8] @72
cells.volts f32[3:8] @76
http_code u16 @96
ok bool @98
nested.gyro_rad f32[3] @104
battery_mV i64 @120
`

func TestTypeText(t *testing.T) {
	typ, err := shm.TypeOf[everything]()
	if err != nil {
		t.Fatal(err)
	}
	want := everythingText
	if got := typ.String(); got != want {
		t.Errorf("TypeOf = \n%s, want\n%s", got, want)
	}
	back, err := shm.ParseType(typ.String())
	if err != nil || back.String() != typ.String() {
		t.Errorf("ParseType(String()) = %v, %v", back, err)
	}
	if err := shm.CheckPortable[everything](); err != nil {
		t.Errorf("CheckPortable: %v", err)
	}
}

func TestTypeOfScalarsAndArrays(t *testing.T) {
	scalar, err := shm.TypeOf[float64]()
	if err != nil || scalar.String() != "struct float64 8\nvalue f64 @0\n" {
		t.Errorf("TypeOf[float64] = %q, %v", scalar, err)
	}
	array, err := shm.TypeOf[[2][3]int16]()
	if err != nil || array.String() != "struct - 12\nvalue i16[2][3] @0\n" {
		t.Errorf("TypeOf[[2][3]int16] = %q, %v", array, err)
	}
}

func typeErr[T any]() error { _, err := shm.TypeOf[T](); return err }

// What cannot be shared is refused by the name of the field.
func TestTypeOfRefuses(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"pointer", typeErr[struct{ Next *int32 }](), "field next"},
		{"slice", typeErr[struct{ Data []byte }](), "field data"},
		{"string", typeErr[struct{ Name string }](), "byte topic"},
		{"map", typeErr[struct{ M map[int32]int32 }](), "field m"},
		{"int", typeErr[struct{ Count int }](), "use int32 or int64"},
		{"uint", typeErr[struct{ Count uint }](), "use uint32 or uint64"},
		{"uintptr", typeErr[struct{ P uintptr }](), "use uint32 or uint64"},
		{"chan", typeErr[struct{ C chan int32 }](), "field c"},
		{"func", typeErr[struct{ F func() }](), "field f"},
		{"interface", typeErr[struct{ V any }](), "field v"},
		{"nested", typeErr[struct {
			A [2]struct{ B struct{ C *int8 } }
		}](), "field a.b.c"},
		{"empty", typeErr[struct{}](), "no data"},
		{"padding only", typeErr[struct{ _ [8]byte }](), "no data"},
		{"zero array", typeErr[struct {
			A int32
			B [0]int32
		}](), "field b"},
		{"same name", typeErr[struct{ GyroRad, Gyro_Rad int32 }](), "gyro_rad"},
		{"bad tag", typeErr[struct {
			A int32 `tism:"a b"`
		}](), "field A"},
		{"dims", typeErr[[1][1][1][1][1][1][1][1][1]int8](), "dimensions"},
	}
	for _, tt := range tests {
		if !errors.Is(tt.err, shm.ErrBadType) || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: %v, want ErrBadType with %q", tt.name, tt.err, tt.want)
		}
	}
}

func TestCheckPortable(t *testing.T) {
	err := shm.CheckPortable[struct {
		A uint32
		B uint64
	}]()
	if !errors.Is(err, shm.ErrBadType) || !strings.Contains(err.Error(), "`_ [4]byte` before it") {
		t.Errorf("implicit padding before a 64-bit field: %v", err)
	}
	err = shm.CheckPortable[struct {
		B uint64
		A uint32
	}]()
	if !errors.Is(err, shm.ErrBadType) || !strings.Contains(err.Error(), "`_ [4]byte` at its end") {
		t.Errorf("implicit padding at the end: %v", err)
	}
	if err := shm.CheckPortable[struct {
		A uint32
		_ [4]byte
		B [2]uint64
	}](); err != nil {
		t.Errorf("explicit padding: %v", err)
	}
}

func TestParseTypeRefuses(t *testing.T) {
	for _, text := range []string{
		"", "\n", "struct", "struct A", "struct A 0\n", "struct A -1\n", "struct A 08\n", "struct A 8 \n",
		"queue A 8\n", "bytes - 8\nx u8 @0\n", "struct A 8", "struct A 99999999999\n",
		"struct A 8\nx u64 @1\n", "struct A 8\nx u64 @8\n", "struct A 8\nx u8[9] @0\n", "struct A 8\nx u8[0] @0\n",
		"struct A 8\nx u8[2:0] @0\n", "struct A 8\nx u8[2:4611686018427387904] @0\n", "struct A 8\nx u8[2:1] @0\n",
		"struct A 8\nx u16[2:1] @0\n", "struct A 8\nx q8 @0\n", "struct A 8\nx u8@0\n", "struct A 8\nx u8 @+0\n",
		"struct A 8\n u8 @0\n", "struct A 8\nx u8[ @0\n", "struct A 8\nx u8[2][ @0\n", "struct A 8\nx u8[2]] @0\n",
		"struct A 8\nx u8[1][1][1][1][1][1][1][1][1] @0\n",
	} {
		if typ, err := shm.ParseType(text); !errors.Is(err, shm.ErrNotTopic) {
			t.Errorf("ParseType(%q) = %v, %v, want ErrNotTopic", text, typ, err)
		}
	}
}

// A payload prints without code for its type.
func TestTypeAll(t *testing.T) {
	typ, err := shm.ParseType("struct A 16\nid u8[2:8] @0\nv i16[2:8] @2\n")
	if err != nil {
		t.Fatal(err)
	}
	payload := []byte{1, 0, 0xfe, 0xff, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 0, 0}
	var got []string
	for name, v := range typ.All(payload) {
		got = append(got, name)
		switch name {
		case "id[0]":
			check(t, name, v, any(uint64(1)))
		case "id[1]":
			check(t, name, v, any(uint64(2)))
		case "v[0]":
			check(t, name, v, any(int64(-2)))
		case "v[1]":
			check(t, name, v, any(int64(3)))
		}
	}
	check(t, "names", strings.Join(got, " "), "id[0] id[1] v[0] v[1]")
	for name := range typ.All(payload[:9]) {
		if name == "v[1]" {
			t.Error("a short payload yields an element that is not there")
		}
	}
}

func FuzzParseType(f *testing.F) {
	f.Add(everythingText)
	f.Add("bytes - 100\n")
	f.Add("struct A 16\nid u8[2:8] @0\nv i16[2:8] @2\n")
	f.Fuzz(func(t *testing.T, text string) {
		typ, err := shm.ParseType(text)
		if err != nil {
			if !errors.Is(err, shm.ErrNotTopic) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if typ.Size > 1<<16 {
			return // a payload of that size costs too much here
		}
		n := 0
		for range typ.All(make([]byte, typ.Size)) { // must stay inside
			if n++; n > 1<<16 {
				break
			}
		}
	})
}

func check[V comparable](t *testing.T, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// TestFieldValues: Values are those of All, in its order, for a whole and for a short payload.
func TestFieldValues(t *testing.T) {
	type cell struct {
		V [2]int16
		T float32
	}
	type nested struct {
		N     uint64
		Cells [3]cell
		Image [2][3]uint8
	}
	typ, err := shm.TypeOf[nested]()
	if err != nil {
		t.Fatal(err)
	}
	payload := make([]byte, typ.Size)
	for i := range payload {
		payload[i] = byte(i * 7)
	}
	for _, p := range [][]byte{payload, payload[:19], nil} {
		var want, got []any
		for _, v := range typ.All(p) {
			want = append(want, v)
		}
		room := 0
		for _, f := range typ.Fields {
			room += f.Len()
			for v := range f.Values(p) {
				got = append(got, v)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("of %d bytes Values gives %v, All %v", len(p), got, want)
		}
		if len(p) == typ.Size && len(got) != room {
			t.Errorf("%d values, the fields have %d", len(got), room)
		}
	}
	texts := []string{}
	for _, f := range typ.Fields {
		texts = append(texts, f.TypeText())
	}
	if got, want := strings.Join(texts, " "), "u64 i16[3:8][2] f32[3:8] u8[2][3]"; got != want {
		t.Errorf("types %q, want %q", got, want)
	}
	for v := range typ.Fields[1].Values(payload) {
		if v == nil {
			t.Error("nil")
		}
		break // ends it
	}
}
