package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tism-go/tism/shm"
)

// Python returns a module of ctypes structures, which needs nothing but Python. What the
// package tism looks for is the attribute _tism_descriptor_.
func Python(o Output) ([]byte, error) {
	w := &writer{}
	w.line("# %s", notice)
	w.line("# %s", o.Origin)
	w.line("")
	w.line("from __future__ import annotations")
	w.line("")
	w.line("import ctypes")
	structs := nested(o.Roots)
	for _, s := range structs {
		if err := pythonClass(w, s, slices.Contains(o.Roots, s)); err != nil {
			return nil, err
		}
	}
	w.line("")
	w.line("")
	w.line("def _check(cls: type[ctypes.Structure], size: int, offsets: dict[str, int]) -> None:")
	w.line("    got = {name: getattr(cls, name).offset for name in offsets}")
	w.line("    if ctypes.sizeof(cls) != size or got != offsets:")
	w.line("        raise ImportError(f\"{cls.__name__} has another layout here: {got}, {ctypes.sizeof(cls)} bytes\")")
	w.line("")
	w.line("")
	for _, s := range structs {
		var offsets []string
		for _, m := range s.cells(pythonIdentifier) {
			if m.pad == 0 {
				offsets = append(offsets, fmt.Sprintf("%q: %d", m.ident, m.Offset))
			}
		}
		w.line("_check(%s, %d, {%s})", pythonName(s), s.Size, strings.Join(offsets, ", "))
	}
	return w.Bytes(), nil
}

func pythonName(s *Struct) string { return identifier(s.Name, pythonKeywords) }

func pythonClass(w *writer, s *Struct, root bool) error {
	w.line("")
	w.line("")
	w.line("class %s(ctypes.Structure):", pythonName(s))
	if s.Comment != "" {
		w.line("    \"\"\"%s\"\"\"", pythonDoc(s.Comment))
		w.line("")
	}
	cells := s.cells(pythonIdentifier)
	for _, m := range cells {
		if m.pad > 0 {
			continue
		}
		comment := ""
		if m.Comment != "" {
			comment = "  # " + m.Comment
		}
		w.line("    %s: %s%s", m.ident, pythonHint(m.Member), comment)
	}
	w.line("")
	w.line("    _fields_ = [")
	for _, m := range cells {
		w.line("        (%q, %s),", m.ident, pythonType(m))
	}
	w.line("    ]")
	if !root {
		return nil
	}
	t, err := s.Type()
	if err != nil {
		return err
	}
	w.line("    _tism_descriptor_ = (")
	for line := range strings.Lines(t.String()) {
		w.line("        %q", line)
	}
	w.line("    )")
	return nil
}

func pythonDoc(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"""`, `\"\"\"`)
	if strings.HasSuffix(text, `"`) {
		text = text[:len(text)-1] + `\"`
	}
	return strings.ReplaceAll(text, "\n", "\n    ")
}

// pythonType is the field's ctypes type. An array is written from the inside out.
func pythonType(m cell) string {
	if m.pad > 0 {
		return fmt.Sprintf("ctypes.c_uint8 * %d", m.pad)
	}
	text, lens := pythonElem(m.Member), m.Lens
	if m.Of == nil && isComplex(m.Elem) {
		lens = append(lens[:len(lens):len(lens)], 2)
	}
	for i := len(lens) - 1; i >= 0; i-- {
		text += fmt.Sprintf(" * %d", lens[i])
	}
	return text
}

func pythonElem(m Member) string {
	if m.Of != nil {
		return pythonName(m.Of)
	}
	return "ctypes." + pythonElems[m.Elem]
}

// pythonHint is what an editor is told of the field.
func pythonHint(m Member) string {
	depth := len(m.Lens)
	if m.Of == nil && isComplex(m.Elem) {
		depth++
	}
	switch {
	case depth > 0:
		return strings.Repeat("ctypes.Array[", depth) + pythonElem(m) + strings.Repeat("]", depth)
	case m.Of != nil:
		return pythonName(m.Of)
	case m.Elem == shm.Bool:
		return "bool"
	case strings.HasPrefix(string(m.Elem), "f"):
		return "float"
	}
	return "int"
}

var pythonElems = map[shm.Elem]string{
	shm.Bool: "c_bool", shm.Int8: "c_int8", shm.Uint8: "c_uint8", shm.Int16: "c_int16", shm.Uint16: "c_uint16",
	shm.Int32: "c_int32", shm.Uint32: "c_uint32", shm.Int64: "c_int64", shm.Uint64: "c_uint64",
	shm.Float32: "c_float", shm.Float64: "c_double", shm.Complex64: "c_float", shm.Complex128: "c_double",
}

func pythonIdentifier(name string) string {
	if strings.HasPrefix(name, "__") {
		name = "x" + name // a class would mangle it
	}
	return identifier(name, pythonKeywords)
}

var pythonKeywords = words(`
	False None True and as assert async await break class continue def del elif else except finally for from
	global if import in is lambda nonlocal not or pass raise return try while with yield
	ctypes int float bool _fields_ _tism_descriptor_ _check`)
