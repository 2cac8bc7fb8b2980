package gen_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/tism-go/tism/cmd/tism/internal/gen"
	"github.com/tism-go/tism/cmd/tism/internal/gen/gentest"
	"github.com/tism-go/tism/shm"
)

// What is generated compiles, and lies where Go has it.

func needs(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
}

func run(t *testing.T, stdin []byte, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = bytes.NewReader(stdin)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(argv, " "), err, errs.String(), out)
	}
	return string(out)
}

func bindings(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs("../../../../bindings/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs bindings/%s", name)
	}
	return dir
}

// outputs writes all types in a language.
func outputs(t *testing.T, name string, write func(gen.Output) ([]byte, error), types ...*gen.Struct) (dir string) {
	t.Helper()
	dir = t.TempDir()
	text, err := write(gen.Output{Roots: types, Origin: "From a test.", File: name, Prefix: "tt_"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const cProgram = `
#include "types.h"
#include "types.h"

#include <stdio.h>
#include <string.h>

/* The compiler's own word, field by field. */
static const tism_field_t plain_fields[] = {
	TISM_FIELD(tt_plain_t, time_us),
	TISM_ARRAY(tt_plain_t, q),
	TISM_EACH(tt_plain_t, cells, id),
	TISM_EACH(tt_plain_t, cells, volts),
	TISM_FIELD(tt_plain_t, pos.lat),
	TISM_FIELD(tt_plain_t, pos.lon),
	TISM_FIELD(tt_plain_t, pos.fix),
	TISM_ARRAY2(tt_plain_t, matrix),
	TISM_FIELD(tt_plain_t, type),
	TISM_FIELD(tt_plain_t, self),
	TISM_ARRAY(tt_plain_t, z),
	TISM_ARRAY2(tt_plain_t, zz),
	TISM_ARRAY(tt_plain_t, raw),
};

/* Reads topic "plain" and answers with topic "answer". */
static int live(void)
{
	char why[2000];
	tism_options_t o;
	memset(&o, 0, sizeof o);
	o.type = &tt_plain_type;
	o.message = why;
	o.message_size = sizeof why;
	tism_borrowed_shared_memory_t in;
	tism_owned_shared_memory_t out;
	tt_plain_t v;
	if (tism_open_with(&in, "plain", &o) != TISM_OK || tism_borrowed_read(&in, &v) != TISM_OK) {
		(void)fprintf(stderr, "plain: %s\n", why);
		return 1;
	}
	if (v.time_us != (uint64_t)1 << 60 || v.q[3] != 4 || v.cells[2].id != 9 || v.cells[2].volts != 4.5f ||
	    v.pos.lon != -7.25 || !v.pos.fix || v.matrix[1][2] != -300 || v.z[0] != 1 || v.z[1] != -2) {
		(void)fprintf(stderr, "the value differs\n");
		return 1;
	}
	v.time_us = 77;
	v.cells[1].volts = 12.5f;
	v.pos.lat = 48.5;
	v.matrix[0][1] = -5;
	v.zz[1][1] = 0.25;
	v.raw[39] = 200;
	if (tism_create_with(&out, "answer", &v, sizeof v, &o) != TISM_OK) {
		(void)fprintf(stderr, "answer: %s\n", why);
		return 1;
	}
	return tism_owned_close(&out) == TISM_OK && tism_borrowed_close(&in) == TISM_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "live") == 0) {
		return live();
	}
	static const tism_type_t own = TISM_TYPE(tt_plain_t, plain_fields);
	char text[2000];
	if (tism_describe(&tt_everything_type, text, sizeof text) != strlen(TT_EVERYTHING_DESCRIPTOR)) {
		return 1;
	}
	(void)fputs(text, stdout);
	if (!tism_describe(&own, text, sizeof text)) {
		return 2;
	}
	(void)fputs(text, stdout);
	return 0;
}
`

var strict = []string{"-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror"}

func TestHeaderCompiles(t *testing.T) {
	c := bindings(t, "c")
	dir := outputs(t, "types.h", gen.C, loadAll(t)...)
	source, source2 := write(t, dir, "program.c", cProgram), write(t, dir, "program.cc", cProgram)
	for _, cc := range []string{
		"gcc -std=c11", "clang -std=c11", "gcc -std=c17", "g++ -std=c++11", "clang++ -std=c++20",
		"aarch64-linux-gnu-gcc -std=c11", "arm-linux-gnueabihf-gcc -std=c11", // 32 bits
	} {
		t.Run(cc, func(t *testing.T) {
			t.Parallel()
			argv := strings.Fields(cc)
			needs(t, argv[0])
			file := source
			if strings.Contains(cc, "++") {
				file = source2
			}
			run(t, nil, append(append(argv, strict...), "-fsyntax-only", "-I", c, file)...)
		})
	}
}

// A descriptor longer than the strings that C promises compiles without a warning, too.
func TestLongDescriptorCompiles(t *testing.T) {
	t.Parallel()
	c := bindings(t, "c")
	var text strings.Builder
	text.WriteString("type T struct {\n")
	for i := range 400 {
		fmt.Fprintf(&text, "FieldNumber%d uint32\n", i)
	}
	roots, err := loadText(t, text.String()+"}")
	if err != nil {
		t.Fatal(err)
	}
	dir := outputs(t, "types.h", gen.C, roots...)
	source := write(t, dir, "program.c", "#include \"types.h\"\nint main(void) { return tt_t_type.size != 1600; }\n")
	for _, cc := range []string{"gcc", "clang"} {
		t.Run(cc, func(t *testing.T) {
			needs(t, cc)
			run(t, nil, append(append([]string{cc, "-std=c11"}, strict...), "-fsyntax-only", "-I", c, source)...)
		})
	}
}

// The structs' fields, described by the C compiler, and tism.c's reading of the text.
func TestHeaderAgrees(t *testing.T) {
	needs(t, "gcc")
	c := bindings(t, "c")
	roots := loadAll(t)
	dir := outputs(t, "types.h", gen.C, roots...)
	source := write(t, dir, "program.c", cProgram)
	run(t, nil, "gcc", "-std=c11", "-I", c, "-o", dir+"/program", source, c+"/tism.c", "-pthread")
	got := run(t, nil, dir+"/program")
	want := ""
	for _, s := range roots {
		typ, err := s.Type()
		if err != nil {
			t.Fatal(err)
		}
		switch s.Name {
		case "Everything":
			want = typ.String()
		case "Plain":
			want += strings.NewReplacer("Plain", "tt_plain_t", "z c64 @88", "z f32[2] @88", "zz c128[2] @96", "zz f64[2][2] @96").Replace(typ.String())
		}
	}
	if got != want {
		t.Errorf("C says\n%s\nwant\n%s", got, want)
	}
	testLive(t, dir+"/program")
}

// testLive publishes a value for a C program that has the type from its header, which
// publishes an answer.
func testLive(t *testing.T, program string) {
	t.Setenv("TISM_DIR", t.TempDir())
	v := plain()
	pub, err := shm.Create("plain", v)
	if err != nil {
		t.Skip("needs topics: ", err) // another system than Linux
	}
	defer pub.Close()
	run(t, nil, program, "live")
	sub, err := shm.Open[gentest.Plain]("answer", shm.AllowClosed())
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if got, err := sub.Read(); err != nil || got != changed(v) {
		t.Errorf("C answers %+v, %v, want %+v", got, err, changed(v))
	}
}

// pythonProgram describes each class by reflection, and sends a value back with changes.
const pythonProgram = `
import ctypes, sys
import types_ as types

NAMES = {"c_bool": "bool", "c_byte": "i8", "c_ubyte": "u8", "c_short": "i16", "c_ushort": "u16", "c_int": "i32",
         "c_uint": "u32", "c_long": "i64", "c_ulong": "u64", "c_float": "f32", "c_double": "f64"}

def leaves(t, path, at, dims):
    if issubclass(t, ctypes.Array):
        yield from leaves(t._type_, path, at, dims + [(t._length_, ctypes.sizeof(t._type_))])
    elif issubclass(t, ctypes.Structure):
        for name, f, *_ in t._fields_:
            if not name.startswith("_pad"):
                yield from leaves(f, path + [name], at + getattr(t, name).offset, dims)
    else:
        inner, text = ctypes.sizeof(t), ""
        for n, stride in reversed(dims):
            text = (f"[{n}]" if stride == inner else f"[{n}:{stride}]") + text
            inner = n * stride
        yield f"{'.'.join(path)} {NAMES[t.__name__]}{text} @{at}\n"

for name in sys.argv[1:]:
    t = getattr(types, name)
    assert t._tism_descriptor_.startswith(f"struct {name} {ctypes.sizeof(t)}\n"), name
    got = "".join(leaves(t, [], 0, []))
    want = t._tism_descriptor_.split("\n", 1)[1]
    for a, b in [("_2nd", "2nd"), ("class_", "class"), ("for_", "for"), ("lambda_", "lambda")]:
        got = got.replace(a + " ", b + " ")
    if name == "Plain":
        want = want.replace("z c64 @88", "z f32[2] @88").replace("zz c128[2] @96", "zz f64[2][2] @96")
    if name == "Everything":
        want = want.replace("z c64 @232", "z f32[2] @232").replace("zz c128[2] @240", "zz f64[2][2] @240").replace("_pad0 u8 @280\n", "")
    assert got == want, f"{name} is\n{got}want\n{want}"

v = types.Plain.from_buffer_copy(sys.stdin.buffer.read())
assert (v.time_us, list(v.q), v.cells[2].id, v.cells[2].volts) == (1 << 60, [1, 2, 3, 4], 9, 4.5), v.time_us
assert (v.pos.lon, v.pos.fix, v.matrix[1][2], list(v.z)) == (-7.25, True, -300, [1, -2])
v.time_us, v.cells[1].volts, v.pos.lat, v.matrix[0][1], v.zz[1][1], v.raw[39] = 77, 12.5, 48.5, -5, 0.25, 200
sys.stdout.buffer.write(bytes(v))
`

func TestPython(t *testing.T) {
	needs(t, "python3")
	roots := loadAll(t)
	dir := outputs(t, "types_.py", gen.Python, roots...)
	argv := []string{"python3", write(t, dir, "program.py", pythonProgram)}
	for _, s := range roots {
		argv = append(argv, s.Name)
	}
	v := plain()
	got := run(t, bytesOf(&v), argv...)
	want := changed(v)
	if got != string(bytesOf(&want)) {
		t.Errorf("Python sends % x, want % x", got, bytesOf(&want))
	}
}

func plain() (v gentest.Plain) {
	v.TimeUS, v.Q = 1<<60, [4]float32{1, 2, 3, 4}
	v.Cells[2] = gentest.Cell{ID: 9, Volts: 4.5}
	v.Pos.Lon, v.Pos.Fix, v.Matrix[1][2], v.Z = -7.25, true, -300, complex(1, -2)
	return v
}

func changed(v gentest.Plain) gentest.Plain {
	v.TimeUS, v.Cells[1].Volts, v.Pos.Lat, v.Matrix[0][1] = 77, 12.5, 48.5, -5
	v.ZZ[1], v.Raw[39] = complex(0, 0.25), 200
	return v
}

func bytesOf[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

const rustProgram = `
#![deny(warnings)]
mod types;
use std::io::{Read, Write};

fn main() {
    macro_rules! same { ($($name:ident)*) => { $(
        assert_eq!(tism::descriptor::<types::$name>(), types::$name::DESCRIPTOR);
    )* } }
    same!(ALL);
    let mut bytes = [0u8; size_of::<types::Plain>()];
    std::io::stdin().read_exact(&mut bytes).unwrap();
    // SAFETY: the bytes of a Plain that Go sent.
    let mut v: types::Plain = unsafe { core::mem::transmute(bytes) };
    assert_eq!((v.time_us, v.q, v.cells[2].id, v.cells[2].volts), (1 << 60, [1.0, 2.0, 3.0, 4.0], 9, 4.5));
    assert_eq!((v.pos.lon, v.pos.fix, v.matrix[1][2], v.z.re, v.z.im), (-7.25, true, -300, 1.0, -2.0));
    assert_eq!(types::Plain::default().r#type, 0);
    v.time_us = 77;
    v.cells[1].volts = 12.5;
    v.pos.lat = 48.5;
    v.matrix[0][1] = -5;
    v.zz[1].im = 0.25;
    v.raw[39] = 200;
    // SAFETY: all of its padding is explicit.
    let bytes: [u8; size_of::<types::Plain>()] = unsafe { core::mem::transmute(v) };
    std::io::stdout().write_all(&bytes).unwrap();
}
`

func TestRust(t *testing.T) {
	needs(t, "cargo", "rustc", "gcc")
	crate := bindings(t, "rust")
	// Tags that are no field names of Rust's.
	tagged, err := loadText(t, "type T struct {\nA int32 `tism:\"battery_mV\"`\nB int32 `tism:\"_lead\"`\n"+
		"C uint16 `tism:\"a__b\"`\nD [2]struct { Type uint8 `tism:\"Type\"` } `tism:\"Self\"`\n}")
	if err != nil {
		t.Fatal(err)
	}
	roots := append(loadAll(t), tagged...)
	var names []string
	for _, s := range roots {
		names = append(names, s.Name)
	}
	dir := outputs(t, "types.rs", gen.Rust, roots...)
	write(t, dir, "main.rs", strings.Replace(rustProgram, "ALL", strings.Join(names, " "), 1))
	write(t, dir, "Cargo.toml", "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n"+
		"[[bin]]\nname = \"program\"\npath = \"main.rs\"\n[lints.rust]\ndead_code = \"allow\"\n[dependencies]\ntism = { path = \""+crate+"\" }\n")
	v := plain()
	got := run(t, bytesOf(&v), "cargo", "run", "-q", "--offline", "--manifest-path", dir+"/Cargo.toml")
	want := changed(v)
	if got != string(bytesOf(&want)) {
		t.Errorf("Rust sends % x, want % x", got, bytesOf(&want))
	}
}
