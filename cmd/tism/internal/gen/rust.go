package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tism-go/tism/shm"
)

// Rust returns a module of #[repr(C)] structs for the crate tism.
func Rust(o Output) ([]byte, error) {
	w := &writer{}
	w.line("// %s", notice)
	w.line("// %s", o.Origin)
	for _, s := range nested(o.Roots) {
		rustStruct(w, s)
		rustShape(w, s)
	}
	for _, s := range o.Roots {
		if err := rustDescriptor(w, s); err != nil {
			return nil, err
		}
	}
	return w.Bytes(), nil
}

func rustStruct(w *writer, s *Struct) {
	cells := s.cells(rustIdentifier)
	name := rustName(s)
	w.line("")
	rustDoc(w, "", s.Comment)
	w.line("#[repr(C)]")
	w.line("#[derive(Clone, Copy, Debug, PartialEq)]")
	if slices.ContainsFunc(cells, func(m cell) bool { return strings.ToLower(m.ident) != m.ident || strings.Contains(m.ident, "__") }) {
		w.line("#[allow(non_snake_case)]")
	}
	w.line("pub struct %s {", name)
	for _, m := range cells {
		if m.pad > 0 {
			w.line("    pub %s: [u8; %d],", m.ident, m.pad)
			continue
		}
		rustDoc(w, "    ", m.Comment)
		w.line("    pub %s: %s,", m.ident, rustType(m.Member))
	}
	w.line("}")
	w.line("")
	w.line("const _: () = {")
	w.line("    assert!(core::mem::size_of::<%s>() == %d);", name, s.Size)
	for _, m := range cells {
		if m.pad == 0 {
			w.line("    assert!(core::mem::offset_of!(%s, %s) == %d);", name, m.ident, m.Offset)
		}
	}
	w.line("};")
	w.line("")
	w.line("impl Default for %s {", name)
	w.line("    fn default() -> Self {")
	w.line("        // SAFETY: all zeros is a value of each field: numbers, bools and arrays of them.")
	w.line("        unsafe { core::mem::zeroed() }")
	w.line("    }")
	w.line("}")
}

func rustName(s *Struct) string { return identifier(s.Name, rustKeywords) }

func rustDoc(w *writer, indent, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		w.line("%s", strings.TrimRight(indent+"/// "+line, " "))
	}
}

func rustType(m Member) string {
	text := rustElems[m.Elem]
	if m.Of != nil {
		text = rustName(m.Of)
	}
	for i := len(m.Lens) - 1; i >= 0; i-- {
		text = fmt.Sprintf("[%s; %d]", text, m.Lens[i])
	}
	return text
}

var rustElems = map[shm.Elem]string{
	shm.Bool: "bool", shm.Int8: "i8", shm.Uint8: "u8", shm.Int16: "i16", shm.Uint16: "u16",
	shm.Int32: "i32", shm.Uint32: "u32", shm.Int64: "i64", shm.Uint64: "u64",
	shm.Float32: "f32", shm.Float64: "f64", shm.Complex64: "tism::Complex<f32>", shm.Complex128: "tism::Complex<f64>",
}

func rustIdentifier(name string) string {
	if rustRaw[name] {
		return "r#" + name
	}
	return identifier(name, rustKeywords)
}

// Keywords that can be names with r# before them, and those that cannot.
var (
	rustRaw = words(`
	abstract as async await become box break const continue do dyn else enum extern false final fn for gen if impl
	in let loop macro match mod move mut override priv pub ref return static struct trait true try type typeof
	unsafe unsized use virtual where while yield`)
	rustKeywords = words(`self Self super crate _ Option String Vec Box Some None Ok Err Clone Copy Debug PartialEq Default`)
)

// rustShape implements the crate's trait, from which it makes the descriptor.
func rustShape(w *writer, s *Struct) {
	name := rustName(s)
	w.line("")
	w.line("// SAFETY: the fields have these offsets, as asserted above, and the types of their shapes; what is not")
	w.line("// named is padding. All bytes are values but for a bool's, which is named as such.")
	w.line("unsafe impl tism::TismType for %s {", name)
	w.line("    const SHAPE: &'static tism::Shape = &tism::Shape::Struct {")
	w.line("        name: %q,", s.Name)
	w.line("        fields: &[")
	for _, m := range s.cells(rustIdentifier) {
		if m.pad > 0 {
			continue
		}
		w.line("            tism::Field { name: %q, tag: Some(%[1]q), offset: %d, shape: <%s as tism::TismType>::SHAPE },", m.Name, m.Offset, rustType(m.Member))
	}
	w.line("        ],")
	w.line("    };")
	w.line("}")
}

// rustDescriptor has the text that every language compares, to compare it with the crate's.
func rustDescriptor(w *writer, s *Struct) error {
	t, err := s.Type()
	if err != nil {
		return err
	}
	w.line("")
	w.line("impl %s {", rustName(s))
	w.line("    /// The type's descriptor, which programs in all languages compare.")
	w.line("    pub const DESCRIPTOR: &'static str = concat!(")
	for line := range strings.Lines(t.String()) {
		w.line("        %q,", line)
	}
	w.line("    );")
	w.line("}")
	return nil
}
