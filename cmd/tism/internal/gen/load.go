package gen

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"github.com/tism-go/tism/shm"
)

// A Source says where Go types are.
type Source struct {
	Package string   // a pattern as of the go command, "" for that of the working directory
	Dir     string   // the working directory, "" for the process's own
	Tags    string   // build tags, separated by commas
	Types   []string // names; none: see Directive
	// Directive is the place of a go:generate line, for which the type declared next is
	// meant: a file's base name, and a line.
	Directive struct {
		File string
		Line int
	}
}

// Load reads types from Go source, which need not compile as long as the types do. It
// returns an error for each field that cannot be shared, with its place in the file, and
// says what to add where the type has another layout on 32-bit CPUs. It also returns
// the path of the package.
func Load(src Source) (roots []*Struct, path string, err error) {
	pkg, err := src.load()
	if err != nil {
		return nil, "", err
	}
	names := src.Types
	if len(names) == 0 {
		if names, err = src.following(pkg); err != nil {
			return nil, "", err
		}
	}
	l := &loader{pkg: pkg, structs: make(map[string]*Struct), names: make(map[string]string)}
	for _, name := range names {
		if s := l.root(name); s != nil && !slices.Contains(roots, s) {
			roots = append(roots, s)
		}
	}
	return roots, pkg.PkgPath, errors.Join(l.errs...)
}

func (src Source) load() (*packages.Package, error) {
	pattern := src.Package
	if pattern == "" {
		pattern = "."
	}
	c := &packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedImports,
		Dir: src.Dir,
		// The program is built for this machine, whatever it is that it generates for.
		Env: os.Environ(),
	}
	if src.Tags != "" {
		c.BuildFlags = []string{"-tags=" + src.Tags}
	}
	list, err := packages.Load(c, pattern)
	if err != nil {
		return nil, fmt.Errorf("loading package %s: %w", pattern, err)
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("loading package %s: it names %d packages, want one", pattern, len(list))
	}
	if p := list[0]; len(p.Syntax) == 0 {
		return nil, fmt.Errorf("loading package %s: %w", pattern, errors.Join(errorsOf(p)...))
	}
	return list[0], nil
}

func errorsOf(p *packages.Package) []error {
	errs := make([]error, 0, len(p.Errors)+1)
	for _, e := range p.Errors {
		errs = append(errs, e)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no Go files"))
	}
	return errs
}

// following returns the name of the type that is declared next after a go:generate line.
func (src Source) following(pkg *packages.Package) ([]string, error) {
	if src.Directive.File == "" {
		return nil, fmt.Errorf("%w: which type? Package %s has %s", ErrNoType, pkg.PkgPath, strings.Join(structNames(pkg), ", "))
	}
	for spec := range typeSpecs(pkg) {
		at := pkg.Fset.Position(spec.Pos())
		if filepath.Base(at.Filename) == src.Directive.File && at.Line > src.Directive.Line {
			return []string{spec.Name.Name}, nil
		}
	}
	return nil, fmt.Errorf("%w: no type is declared below line %d of %s", ErrNoType, src.Directive.Line, src.Directive.File)
}

// ErrNoType is matched by the error for a type that is not named.
var ErrNoType = errors.New("no type named")

// typeSpecs yields the package-level type declarations, file by file.
func typeSpecs(pkg *packages.Package) func(func(*ast.TypeSpec) bool) {
	return func(yield func(*ast.TypeSpec) bool) {
		for _, f := range pkg.Syntax {
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.TYPE {
					continue
				}
				for _, s := range g.Specs {
					spec := s.(*ast.TypeSpec)
					if spec.Doc == nil && len(g.Specs) == 1 {
						spec.Doc = g.Doc
					}
					if !yield(spec) {
						return
					}
				}
			}
		}
	}
}

func structNames(pkg *packages.Package) (names []string) {
	for spec := range typeSpecs(pkg) {
		if _, ok := spec.Type.(*ast.StructType); ok {
			names = append(names, spec.Name.Name)
		}
	}
	if len(names) == 0 {
		return []string{"no struct"}
	}
	return names
}

// Every layout that matters: C's is the one of 64-bit Go.
var (
	sizes64 = types.SizesFor("gc", "amd64")
	sizes32 = types.SizesFor("gc", "arm")
)

type loader struct {
	pkg     *packages.Package
	structs map[string]*Struct // by the type's full name
	names   map[string]string  // full name of the type that has the name in the output
	errs    []error
}

// What a topic can hold, as in package shm.
const (
	maxSize = 1 << 30
	maxDims = 8
)

func (l *loader) root(name string) *Struct {
	obj, ok := l.pkg.Types.Scope().Lookup(name).(*types.TypeName)
	if !ok {
		l.errs = append(l.errs, fmt.Errorf("type %s: package %s has no such type: it has %s", name, l.pkg.PkgPath, strings.Join(structNames(l.pkg), ", ")))
		return nil
	}
	t := types.Unalias(obj.Type())
	if named, ok := t.(*types.Named); ok && named.TypeParams().Len() > 0 {
		l.fail(obj.Pos(), "type %s has type parameters: declare a type with them filled in, type X %s[...]", name, name)
		return nil
	}
	bad := len(l.errs)
	s := l.structOf(t, name)
	if s == nil {
		s = l.wrapped(t, name, obj.Pos())
	}
	if len(l.errs) > bad {
		return nil
	}
	typ, err := s.Type()
	switch {
	case s.Size == 0 || len(typ.Fields) == 0:
		l.fail(obj.Pos(), "type %s has no data", name)
	case s.Size > maxSize:
		l.fail(obj.Pos(), "type %s has %d bytes, at most %d", name, s.Size, maxSize)
	case !l.check(typ, obj.Pos()):
	case err != nil:
		l.fail(obj.Pos(), "%w", err)
	default:
		l.portable(t, obj)
	}
	return s
}

// check refuses what only the whole type shows.
func (l *loader) check(t shm.Type, pos token.Pos) bool {
	bad := len(l.errs)
	seen := make(map[string]bool)
	for _, f := range t.Fields {
		if seen[f.Name] {
			l.fail(pos, "type %s: two fields are named %s", t.Name, f.Name)
		}
		seen[f.Name] = true
		if len(f.Dims) > maxDims {
			l.fail(pos, "type %s: field %s: more than %d dimensions", t.Name, f.Name, maxDims)
		}
	}
	return len(l.errs) == bad
}

// wrapped makes a struct of what is none: its one member is named value.
func (l *loader) wrapped(t types.Type, name string, pos token.Pos) *Struct {
	s := &Struct{Name: name, Title: titleOf(t), Comment: l.typeComment(name), Size: int(sizes64.Sizeof(t)), Align: int(sizes64.Alignof(t))}
	if m, ok := l.member(t, name, name+"Value", pos); ok {
		m.Name = "value"
		s.Members = []Member{m}
	}
	l.claim(name, types.TypeString(t, nil), pos)
	return s
}

// titleOf is the name that the descriptor shows.
func titleOf(t types.Type) string {
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name()
	}
	if basic, ok := t.(*types.Basic); ok {
		return basic.Name()
	}
	return ""
}

// structOf returns the struct of a type, nil if it is none. name is what to call one
// that has no name of its own.
func (l *loader) structOf(t types.Type, name string) *Struct {
	u, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	key := types.TypeString(t, nil)
	named, isNamed := t.(*types.Named)
	if !isNamed {
		key = name
	} else if s := l.structs[key]; s != nil {
		return s
	}
	pos := token.NoPos
	s := &Struct{Name: name, Title: titleOf(t), Size: int(sizes64.Sizeof(t)), Align: int(sizes64.Alignof(t))}
	if isNamed {
		s.Name, pos = titleOf(t), named.Obj().Pos()
		if named.Obj().Pkg() == l.pkg.Types {
			s.Comment = l.typeComment(s.Name)
		}
		if args := named.TypeArgs(); args.Len() > 0 {
			s.Name = name // Pair[float32] and Pair[int8] are two
		}
	}
	l.claim(s.Name, key, pos)
	l.structs[key] = s
	offsets := sizes64.Offsetsof(fieldsOf(u))
	for i := range u.NumFields() {
		f := u.Field(i)
		if f.Name() == "_" {
			continue
		}
		fieldName, err := descriptorName(f.Name(), u.Tag(i))
		if err != nil {
			l.fail(f.Pos(), "field %s.%s: %w", s.Name, f.Name(), err)
			continue
		}
		m, ok := l.member(f.Type(), s.Name+"."+f.Name(), s.Name+exported(f.Name()), f.Pos())
		if !ok || m.Of != nil && len(m.Of.Members) == 0 {
			continue // refused, or empty
		}
		m.Name, m.Offset, m.Comment = fieldName, int(offsets[i]), l.fieldComment(f.Pos())
		s.Members = append(s.Members, m)
	}
	return s
}

// claim notes who has a name in the output.
func (l *loader) claim(name, key string, pos token.Pos) {
	if other, ok := l.names[name]; ok && other != key {
		l.fail(pos, "%s and %s would both be called %s: rename one", other, key, name)
	}
	l.names[name] = key
}

func fieldsOf(u *types.Struct) []*types.Var {
	list := make([]*types.Var, u.NumFields())
	for i := range list {
		list[i] = u.Field(i)
	}
	return list
}

// member turns a field's type into a member. path is for messages, name for a struct without one.
func (l *loader) member(t types.Type, path, name string, pos token.Pos) (m Member, ok bool) {
	t = types.Unalias(t)
	for {
		a, isArray := t.Underlying().(*types.Array)
		if !isArray {
			break
		}
		if a.Len() == 0 {
			l.fail(pos, "field %s: an array of length 0", path)
			return m, false
		}
		if a.Len() > maxSize {
			l.fail(pos, "field %s: an array of length %d", path, a.Len())
			return m, false
		}
		m.Lens = append(m.Lens, int(a.Len()))
		t = types.Unalias(a.Elem())
	}
	if m.Of = l.structOf(t, name); m.Of != nil {
		return m, true
	}
	basic, isBasic := t.Underlying().(*types.Basic)
	if isBasic {
		m.Elem = elems[basic.Kind()]
	}
	if m.Elem == "" {
		l.fail(pos, "field %s: %s cannot be shared%s", path, l.typeString(t), instead(t))
		return m, false
	}
	return m, true
}

var elems = map[types.BasicKind]shm.Elem{
	types.Bool: shm.Bool,
	types.Int8: shm.Int8, types.Int16: shm.Int16, types.Int32: shm.Int32, types.Int64: shm.Int64,
	types.Uint8: shm.Uint8, types.Uint16: shm.Uint16, types.Uint32: shm.Uint32, types.Uint64: shm.Uint64,
	types.Float32: shm.Float32, types.Float64: shm.Float64,
	types.Complex64: shm.Complex64, types.Complex128: shm.Complex128,
}

// instead says what to use in place of a type.
func instead(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return ": use an array, or a byte topic"
	case *types.Basic:
		switch u.Kind() {
		case types.Int:
			return ": use int32 or int64"
		case types.Uint, types.Uintptr:
			return ": use uint32 or uint64"
		case types.String:
			return ": use an array, or a byte topic"
		case types.Invalid:
			return ": the package does not define it"
		}
	}
	return ""
}

func (l *loader) typeString(t types.Type) string {
	return types.TypeString(t, types.RelativeTo(l.pkg.Types))
}

func (l *loader) fail(pos token.Pos, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if pos.IsValid() {
		at := l.pkg.Fset.Position(pos)
		err = fmt.Errorf("%s:%d:%d: %w", relative(at.Filename), at.Line, at.Column, err)
	}
	l.errs = append(l.errs, err)
}

// relative shortens a file's name if it lies below the working directory.
func relative(file string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return file
}

func (l *loader) typeComment(name string) string {
	for spec := range typeSpecs(l.pkg) {
		if spec.Name.Name == name {
			return strings.TrimSpace(spec.Doc.Text())
		}
	}
	return ""
}

// fieldComment is what stands above or beside a field of the package.
func (l *loader) fieldComment(pos token.Pos) string {
	comment := ""
	for _, f := range l.pkg.Syntax {
		if pos < f.FileStart || pos >= f.FileEnd {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			field, ok := n.(*ast.Field)
			if ok && field.Pos() <= pos && pos < field.End() && (field.Comment != nil || field.Doc != nil) {
				inner := field.Comment.Text()
				if inner == "" {
					inner = field.Doc.Text()
				}
				if names := field.Names; len(names) == 0 || pos <= names[len(names)-1].Pos() {
					comment = oneLine(inner)
				}
			}
			return true
		})
	}
	return comment
}

// descriptorName is the name of a field in the descriptor: as its tag says, or in snake_case.
func descriptorName(name, tag string) (string, error) {
	own, ok := reflect.StructTag(tag).Lookup("tism")
	if !ok {
		return snake(name), nil
	}
	if !isName(own) {
		return "", fmt.Errorf("tag %q: a name is letters, digits and _", own)
	}
	return own, nil
}
