package gen_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tism-go/tism/cmd/tism/internal/gen"
	"github.com/tism-go/tism/cmd/tism/internal/gen/gentest"
	"github.com/tism-go/tism/shm"
)

// What package shm makes of the types by reflection. Every output is held to it.
var reflected = []struct {
	name string
	typ  func() (shm.Type, error)
	port func() error
}{
	{"Cell", shm.TypeOf[gentest.Cell], shm.CheckPortable[gentest.Cell]},
	{"Header", shm.TypeOf[gentest.Header], shm.CheckPortable[gentest.Header]},
	{"Everything", shm.TypeOf[gentest.Everything], shm.CheckPortable[gentest.Everything]},
	{"Floats", shm.TypeOf[gentest.Floats], shm.CheckPortable[gentest.Floats]},
	{"Pairs", shm.TypeOf[gentest.Pairs], shm.CheckPortable[gentest.Pairs]},
	{"Temps", shm.TypeOf[gentest.Temps], shm.CheckPortable[gentest.Temps]},
	{"Level", shm.TypeOf[gentest.Level], shm.CheckPortable[gentest.Level]},
	{"Grid", shm.TypeOf[gentest.Grid], shm.CheckPortable[gentest.Grid]},
	{"Clock", shm.TypeOf[gentest.Clock], shm.CheckPortable[gentest.Clock]},
	{"Acronyms", shm.TypeOf[gentest.Acronyms], shm.CheckPortable[gentest.Acronyms]},
	{"Plain", shm.TypeOf[gentest.Plain], shm.CheckPortable[gentest.Plain]},
}

// loadAll loads all of them at once, since loading takes longest.
func loadAll(t testing.TB) []*gen.Struct {
	var names []string
	for _, r := range reflected {
		names = append(names, r.name)
	}
	return load(t, names...)
}

func load(t testing.TB, names ...string) []*gen.Struct {
	t.Helper()
	roots, path, err := gen.Load(gen.Source{Package: "./gentest", Types: names})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, "gen/gentest") {
		t.Errorf("Load found package %s", path)
	}
	return roots
}

// The descriptor from source is the one from reflection, to the byte.
func TestDescriptorIsReflected(t *testing.T) {
	roots := loadAll(t)
	for i, r := range reflected {
		want, err := r.typ()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.port(); err != nil {
			t.Fatal(err)
		}
		got, err := roots[i].Type()
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != want.String() {
			t.Errorf("%s: descriptor\n%swant\n%s", r.name, got, want)
		}
	}
}

// An alias is the type that it stands for.
func TestAlias(t *testing.T) {
	want, err := shm.TypeOf[gentest.Same]()
	if err != nil {
		t.Fatal(err)
	}
	roots := load(t, "Same", "Cell")
	if got, err := roots[0].Type(); err != nil || got.String() != want.String() || len(roots) != 1 {
		t.Errorf("%v, %d types, %s", err, len(roots), got)
	}
}

// What shm refuses, gen refuses, with the place and the field.
func TestRefused(t *testing.T) {
	tests := []struct {
		body string
		want string
	}{
		{"struct { Next *int32 }", "field T.Next: *int32 cannot be shared"},
		{"struct { A int32; Data []byte }", "field T.Data: []byte cannot be shared: use an array, or a byte topic"},
		{"struct { Name string }", "field T.Name: string cannot be shared: use an array"},
		{"struct { M map[int32]int32 }", "field T.M"},
		{"struct { Count int }", "use int32 or int64"},
		{"struct { Count uint }", "use uint32 or uint64"},
		{"struct { P uintptr }", "use uint32 or uint64"},
		{"struct { C chan int32 }", "field T.C"},
		{"struct { F func() }", "field T.F"},
		{"struct { V any }", "field T.V: any cannot"},
		{"struct { A [2]struct { B struct { C *int8 } } }", "field TAB.C: *int8"},
		{"struct {}", "type T has no data"},
		{"struct { _ [8]byte }", "type T has no data"},
		{"struct { A int32; B [0]int32 }", "field T.B: an array of length 0"},
		{"struct { GyroRad, Gyro_Rad int32 }", "two fields are named gyro_rad"},
		{"struct { A int32 `tism:\"a b\"` }", "field T.A: tag \"a b\""},
		{"struct { A int32 `tism:\"\"` }", "field T.A: tag \"\""},
		{"[1][1][1][1][1][1][1][1][1]int8", "more than 8 dimensions"},
		{"struct { A Missing }", "field T.A: invalid type cannot be shared: the package does not define it"},
		{"struct { A [1 << 31]byte }", "field T.A: an array of length 2147483648"},
		{"struct { A, B [1 << 29]byte; C byte }", "at most 1073741824"},
		{"*T", "cannot be shared"},
		{"error", "field T: T cannot be shared"},
		{"struct { A T2 }; type T2 struct { B *T }", "field T2.B: *T cannot be shared"},
	}
	if strconv.IntSize == 32 { // where the type checker of the host's GOARCH knows no such array
		tests = slices.DeleteFunc(tests, func(tt struct{ body, want string }) bool { return strings.Contains(tt.body, "1 << 31") })
	}
	// All in one package, since loading takes longest: type T of each test is T0, T1, ...
	var text strings.Builder
	var names []string
	for i, tt := range tests {
		names = append(names, fmt.Sprintf("T%d", i))
		fmt.Fprintf(&text, "type T%d %s\n", i, strings.NewReplacer("*T", "*"+names[i], "T2", names[i]+"x").Replace(tt.body))
	}
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/x\n\ngo 1.24\n")
	write(t, dir, "x.go", "package x\n\n"+strings.ReplaceAll(text.String(), "; type ", "\ntype "))
	_, _, err := gen.Load(gen.Source{Dir: dir, Types: names})
	if err == nil {
		t.Fatal("all is taken")
	}
	for i, tt := range tests {
		want := strings.NewReplacer("*T", "*"+names[i], "T2", names[i]+"x", "T.", names[i]+".", "TAB", names[i]+"AB",
			"type T", "type "+names[i], "field T:", "field "+names[i]+":", " T cannot", " "+names[i]+" cannot").Replace(tt.want)
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q is not in\n%v", tt.body, want, err)
		}
	}
	if !strings.Contains(err.Error(), "x.go:3:18: field T0.Next") {
		t.Errorf("no place: %v", err)
	}
	_, err = loadText(t, "type T struct { A int; B *T; C string }")
	for _, field := range []string{"T.A", "T.B", "T.C"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("not all fields are told: %v", err)
		}
	}
	if _, err := loadText(t, "type T[E any] struct { A E }"); err == nil || !strings.Contains(err.Error(), "type X T[...]") {
		t.Errorf("a generic type: %v", err)
	}
}

// loadText loads type T of a package of this text.
func loadText(t *testing.T, text string) ([]*gen.Struct, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/x\n\ngo 1.24\n")
	write(t, dir, "x.go", "package x\n\n"+strings.ReplaceAll(text, "; type ", "\ntype ")+"\n")
	roots, _, err := gen.Load(gen.Source{Dir: dir, Types: []string{"T"}})
	return roots, err
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The padding that a refusal offers is the whole of it: with it the type is taken, and
// its 64-bit layout is what it was.
func TestPadding(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text, note string
	}{
		{"type T struct { A uint32; B uint64 }", "x.go:3: put `_ [4]byte` before T.B"},
		{"type T struct { B uint64; A uint32 }", "put `_ [4]byte` at the end of T"},
		{"type T struct { A uint8; B [2]float64; C uint8 }", "before T.B"},
		{"type T struct {\n\tA [3]struct {\n\t\tX int64 // the first\n\t\tY int32\n\t}\n\tB int64\n}", "at the end of T.A[]"},
		{"type T struct { A int32; I Inner; C complex128 }\n\ntype Inner struct { X int16; Y, Z int64; V int8 }", "at the end of Inner"},
		{"type T struct { A int32; Inner }\n\ntype Inner struct { X int64 }", "before T.Inner"},
		{"type T [3]Inner\n\ntype Inner struct { X int64; Y bool }", "at the end of Inner"},
	} {
		_, err := loadText(t, tt.text)
		var padding *gen.PaddingError
		if !errors.As(err, &padding) || !strings.Contains(err.Error(), tt.note) {
			t.Errorf("%s: %v, want %q", tt.text, err, tt.note)
			continue
		}
		mended := strings.Join(padding.Fixed, "\n\n")
		for _, name := range []string{"type T ", "type Inner "} { // what needs no change
			if !strings.Contains(mended, name) && strings.Contains(tt.text, name) {
				_, rest, _ := strings.Cut(tt.text, name)
				mended += "\n\n" + name + rest
			}
		}
		roots, err := loadText(t, mended)
		if err != nil {
			t.Errorf("%s: mended as\n%s\n%v", tt.text, mended, err)
			continue
		}
		if strings.Contains(tt.text, "the first") != strings.Contains(mended, "the first") {
			t.Errorf("the comment is lost:\n%s", mended)
		}
		if roots[0].Size%8 != 0 {
			t.Errorf("%s: mended to %d bytes", tt.text, roots[0].Size)
		}
	}
}

// A package that does not compile, and the type below a go:generate line.
func TestDirective(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/x\n\ngo 1.24\n")
	write(t, dir, "x.go", "package x\n\ntype A struct { V int32 }\n\n//go:generate tism gen\ntype (\n\tB struct { V int16 }\n\tC struct { V int8 }\n)\nvar _ = notGeneratedYet\n")
	src := gen.Source{Dir: dir}
	src.Directive.File, src.Directive.Line = "x.go", 5
	roots, _, err := gen.Load(src)
	if err != nil || len(roots) != 1 || roots[0].Name != "B" {
		t.Errorf("Load = %v, %v, want B", roots, err)
	}
	src.Directive.Line = 9
	if _, _, err := gen.Load(src); !errors.Is(err, gen.ErrNoType) {
		t.Errorf("nothing below: %v", err)
	}
	src.Directive.File = ""
	if _, _, err := gen.Load(src); !errors.Is(err, gen.ErrNoType) || !strings.Contains(err.Error(), "has A, B, C") {
		t.Errorf("no type: %v", err)
	}
	src.Types = []string{"Nope"}
	if _, _, err := gen.Load(src); err == nil || !strings.Contains(err.Error(), "has A, B, C") {
		t.Errorf("another type: %v", err)
	}
	src.Package = "./nowhere"
	if _, _, err := gen.Load(src); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("no package: %v", err)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/x\n\ngo 1.24\n")
	write(t, dir, "pi.go", "//go:build pi\n\npackage x\n\nconst n = 2\n")
	write(t, dir, "pc.go", "//go:build !pi\n\npackage x\n\nconst n = 5\n")
	write(t, dir, "x.go", "package x\n\ntype T struct { V [n]int8 }\n")
	for tags, want := range map[string]int{"": 5, "pi": 2, "other,pi": 2} {
		roots, _, err := gen.Load(gen.Source{Dir: dir, Tags: tags, Types: []string{"T"}})
		if err != nil || roots[0].Size != want {
			t.Errorf("tags %q: %v, %v, want %d bytes", tags, roots, err, want)
		}
	}
}

// A descriptor made into structs gives the same descriptor, for all that Go can make.
func TestFromTopic(t *testing.T) {
	t.Parallel()
	for _, r := range reflected {
		want, err := r.typ()
		if err != nil {
			t.Fatal(err)
		}
		s, err := gen.FromTopic(want, "")
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		if got, err := s.Type(); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v, descriptor\n%swant\n%s", r.name, err, got, want)
		}
		// As Go source it is reflected as what it was.
		text, err := gen.Go(gen.Output{Roots: []*gen.Struct{s}, Origin: "A test."}, "x")
		if err != nil {
			t.Errorf("%s: %v", r.name, err)
			continue
		}
		roots, err := loadText(t, strings.ReplaceAll(string(text), "package x", "type T = "+s.Name))
		if err != nil {
			t.Errorf("%s: %v\n%s", r.name, err, text)
			continue
		}
		roots[0].Title = want.Name
		if got, err := roots[0].Type(); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v, Go source with descriptor\n%swant\n%s", r.name, err, got, want)
		}
	}
}

func TestFromTopicRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"struct A 8\na..b u64 @0\n":                       "a name is letters",
		"struct A 8\n. u64 @0\n":                          "a name is letters",
		"struct A 8\nx;exit(1) u64 @0\n":                  "a name is letters",
		"struct A 8\nx\"\\ u64 @0\n":                      "a name is letters",
		"bytes - 100\n":                                   "holds bytes",
		"msgpack Log 100\n":                               "holds msgpack",
		"struct A 8\nx u32 @2\n":                          "not aligned",
		"struct A 6\nx u32 @0\n":                          "no multiple",
		"struct A 8\nx u32 @0\ny u32 @0\n":                "overlaps",
		"struct A 8\ny u32 @4\nx u32 @0\n":                "overlaps",
		"struct A 16\nx u8[4:2] @0\n":                     "no struct has the layout",
		"struct A 8\na.x u8 @0\na.b.x u8 @1\na.y u8 @1\n": "overlaps",
	} {
		typ, err := shm.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := gen.FromTopic(typ, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", text, s, err, want)
		}
	}
}

// No descriptor makes FromTopic or a writer panic, and what it takes is right.
func FuzzFromTopic(f *testing.F) {
	for _, r := range reflected {
		typ, err := r.typ()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(typ.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		typ, err := shm.ParseType(text)
		if err != nil {
			return
		}
		s, err := gen.FromTopic(typ, "")
		if err != nil {
			return
		}
		typ.Name = s.Title
		if got, err := s.Type(); err != nil || got.String() != typ.String() {
			t.Fatalf("%v: descriptor\n%swant\n%s", err, got, text)
		}
		o := gen.Output{Roots: []*gen.Struct{s}, Origin: "A fuzz test."}
		for _, w := range []func(gen.Output) ([]byte, error){gen.C, gen.Python, gen.Rust, gen.Text, gen.JSON} {
			_, _ = w(o)
		}
	})
}

func TestNamesInC(t *testing.T) {
	if _, err := gen.C(gen.Output{Roots: load(t, "Clock")}); err == nil || !strings.Contains(err.Error(), "--c-prefix") {
		t.Errorf("clock_t: %v", err)
	}
	text, err := gen.C(gen.Output{Roots: load(t, "Clock"), Prefix: "my_"})
	if err != nil || !strings.Contains(string(text), "} my_clock_t;") {
		t.Errorf("with a prefix: %v\n%s", err, text)
	}
}

// Two calls write the same.
func TestDeterministic(t *testing.T) {
	loads := [][]*gen.Struct{load(t, "Everything", "Pairs"), load(t, "Everything", "Pairs")}
	for _, w := range []func(gen.Output) ([]byte, error){gen.C, gen.Python, gen.Text, gen.JSON} {
		var texts []string
		for _, roots := range append(loads, loads[0]) {
			text, err := w(gen.Output{Roots: roots, File: "x.h"})
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if len(slices.Compact(texts)) != 1 {
			t.Errorf("it varies:\n%s\n%s", texts[0], texts[1])
		}
	}
}

func TestJSON(t *testing.T) {
	text, err := gen.JSON(gen.Output{Roots: load(t, "Cell")})
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		Name   string
		Size   int `json:"size_bytes"`
		Fields []struct {
			Name, Type string
			Offset     int
		}
		Descriptor string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Name != "Cell" || got[0].Size != 8 || len(got[0].Fields) != 2 ||
		got[0].Fields[1].Name != "volts" || got[0].Fields[1].Type != "f32" || got[0].Fields[1].Offset != 4 ||
		got[0].Descriptor != "struct Cell 8\nid u8 @0\nvolts f32 @4\n" {
		t.Errorf("JSON = %s", text)
	}
}
