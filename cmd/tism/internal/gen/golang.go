package gen

import (
	"fmt"
	"go/format"
	"strings"

	"github.com/tism-go/tism/shm"
)

// Go returns a Go file, for types that a topic told.
func Go(o Output, pkg string) ([]byte, error) {
	w := &writer{}
	w.line("// %s", notice)
	w.line("// %s", o.Origin)
	w.line("")
	w.line("package %s", pkg)
	for _, s := range nested(o.Roots) {
		w.line("")
		w.line("type %s struct {", s.Name)
		for _, m := range s.cells(func(name string) string { return name }) {
			if m.pad > 0 {
				w.line("_ [%d]byte", m.pad)
				continue
			}
			name, of, tag := camel(m.ident), goElems[m.Elem], ""
			if m.Of != nil {
				of = m.Of.Name
			}
			for i := len(m.Lens) - 1; i >= 0; i-- {
				of = fmt.Sprintf("[%d]%s", m.Lens[i], of)
			}
			if snake(name) != m.Name {
				tag = fmt.Sprintf(" `tism:%q`", m.Name)
			}
			w.line("%s %s%s", name, of, tag)
		}
		w.line("}")
	}
	text, err := format.Source(w.Bytes())
	if err != nil {
		return nil, fmt.Errorf("formatting %s: %w", strings.TrimSpace(o.File), err)
	}
	return text, nil
}

var goElems = map[shm.Elem]string{
	shm.Bool: "bool", shm.Int8: "int8", shm.Uint8: "uint8", shm.Int16: "int16", shm.Uint16: "uint16",
	shm.Int32: "int32", shm.Uint32: "uint32", shm.Int64: "int64", shm.Uint64: "uint64",
	shm.Float32: "float32", shm.Float64: "float64", shm.Complex64: "complex64", shm.Complex128: "complex128",
}
