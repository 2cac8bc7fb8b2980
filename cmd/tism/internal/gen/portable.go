package gen

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A PaddingError says that a type has another layout on 32-bit CPUs, where Go aligns 64-bit
// fields to 4 bytes and C to 8, and what makes it the same everywhere.
type PaddingError struct {
	Type  string
	Notes []string // one for each place, with its position
	Fixed []string // the declarations as they should be
}

func (e *PaddingError) Error() string {
	text := fmt.Sprintf("type %s has another layout on 32-bit CPUs than on 64-bit ones and in C:\n", e.Type)
	for _, n := range e.Notes {
		text += "    " + n + "\n"
	}
	if len(e.Fixed) > 0 {
		text += "This one is the same everywhere:\n\n" + strings.Join(e.Fixed, "\n\n")
	}
	return strings.TrimSuffix(text, "\n")
}

// A gap is padding that Go's 64-bit layout has and its 32-bit one has not.
type gap struct {
	size int64
	pos  token.Pos // of the field that it goes before; NoPos: at the struct's end
	path string
}

// portable adds an error if 32-bit Go would lay the type out in another way.
func (l *loader) portable(t types.Type, obj *types.TypeName) {
	e := &PaddingError{Type: obj.Name()}
	seen := make(map[string]bool)
	var visit func(t types.Type, path string)
	var gaps []gap
	visit = func(t types.Type, path string) {
		t = types.Unalias(t)
		if named, ok := t.(*types.Named); ok {
			if seen[types.TypeString(t, nil)] {
				return
			}
			seen[types.TypeString(t, nil)] = true
			path = named.Obj().Name()
		}
		switch u := t.Underlying().(type) {
		case *types.Array:
			visit(u.Elem(), path+"[]")
		case *types.Struct:
			for f := range u.Fields() {
				visit(f.Type(), path+"."+f.Name())
			}
			gaps = append(gaps, gapsOf(u, t, path)...)
		}
	}
	visit(t, obj.Name())
	if len(gaps) == 0 {
		return
	}
	for _, g := range gaps {
		at := l.pkg.Fset.Position(g.pos)
		where := fmt.Sprintf("put `_ [%d]byte` before %s", g.size, g.path)
		if strings.HasSuffix(g.path, "}") {
			where = fmt.Sprintf("put `_ [%d]byte` at the end of %s", g.size, strings.TrimSuffix(g.path, "}"))
		}
		if at.IsValid() {
			where = fmt.Sprintf("%s:%d: %s", relative(at.Filename), at.Line, where)
		}
		e.Notes = append(e.Notes, where)
	}
	e.Fixed = l.fixed(gaps)
	l.errs = append(l.errs, e)
}

// gapsOf compares where fields fall, given that the types of the fields have been mended.
func gapsOf(u *types.Struct, t types.Type, path string) (gaps []gap) {
	var end int64
	for f := range u.Fields() {
		at64, at32 := roundUp(end, sizes64.Alignof(f.Type())), roundUp(end, sizes32.Alignof(f.Type()))
		if at64 != at32 {
			gaps = append(gaps, gap{at64 - at32, f.Pos(), path + "." + f.Name()})
		}
		end = at64 + sizes64.Sizeof(f.Type())
	}
	if d := roundUp(end, sizes64.Alignof(t)) - roundUp(end, sizes32.Alignof(t)); d != 0 {
		last := u.Field(u.NumFields() - 1)
		gaps = append(gaps, gap{d, last.Pos(), path + "}"})
	}
	return gaps
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

// fixed returns the package's declarations with the gaps in them filled.
func (l *loader) fixed(gaps []gap) (list []string) {
	for spec := range typeSpecs(l.pkg) {
		mine := slices.DeleteFunc(slices.Clone(gaps), func(g gap) bool { return g.pos < spec.Pos() || g.pos >= spec.End() })
		if len(mine) == 0 {
			continue
		}
		fill(spec, mine)
		var b bytes.Buffer
		decl := &ast.GenDecl{Tok: token.TYPE, Specs: []ast.Spec{&ast.TypeSpec{Name: spec.Name, TypeParams: spec.TypeParams, Assign: spec.Assign, Type: spec.Type}}}
		if err := format.Node(&b, l.pkg.Fset, decl); err == nil {
			list = append(list, b.String())
		}
	}
	return list
}

// fill puts padding into a declaration.
func fill(spec *ast.TypeSpec, gaps []gap) {
	ast.Inspect(spec, func(n ast.Node) bool {
		s, ok := n.(*ast.StructType)
		if !ok {
			return true
		}
		var fields []*ast.Field
		for _, f := range s.Fields.List {
			for _, g := range gaps {
				if within(f, g) && !strings.HasSuffix(g.path, "}") {
					fields = append(fields, padding(f.Pos(), g.size))
				}
			}
			fields = append(fields, f)
			for _, g := range gaps {
				if within(f, g) && strings.HasSuffix(g.path, "}") {
					fields = append(fields, padding(f.End(), g.size))
				}
			}
		}
		s.Fields.List = fields
		return true
	})
}

// within tells whether the gap belongs to this very field, not to one inside its type.
func within(f *ast.Field, g gap) bool {
	if len(f.Names) == 0 {
		return g.pos >= f.Pos() && g.pos < f.End()
	}
	return slices.ContainsFunc(f.Names, func(n *ast.Ident) bool { return n.Pos() == g.pos })
}

func padding(pos token.Pos, size int64) *ast.Field {
	return &ast.Field{
		Names: []*ast.Ident{{Name: "_", NamePos: pos}},
		Type:  &ast.Ident{Name: fmt.Sprintf("[%d]byte", size), NamePos: pos},
	}
}
