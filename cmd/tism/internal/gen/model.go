package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tism-go/tism/shm"
)

// A Struct is a type with its layout: the same bytes on every CPU.
type Struct struct {
	Name    string // as in Go: what the other languages derive theirs from
	Title   string // in the descriptor, "" if it has none
	Comment string
	Size    int
	Align   int // of its members, on a 64-bit CPU
	Members []Member
}

// A Member is a field: a number, a struct, or an array of those.
type Member struct {
	Name    string // in the descriptor
	Comment string
	Offset  int
	Lens    []int    // of the arrays around it, outermost first
	Elem    shm.Elem // of a number
	Of      *Struct  // of a struct; nil for a number
}

// elemSize is the size of one element, whatever arrays are around it.
func (m Member) elemSize() int {
	if m.Of != nil {
		return m.Of.Size
	}
	return m.Elem.Size()
}

func (m Member) size() int {
	size := m.elemSize()
	for _, n := range m.Lens {
		size *= n
	}
	return size
}

func (m Member) align() int {
	if m.Of != nil {
		return m.Of.Align
	}
	return elemAlign(m.Elem)
}

// elemAlign is the alignment of a number on a 64-bit CPU.
func elemAlign(e shm.Elem) int {
	switch e {
	case shm.Complex64, shm.Complex128:
		return e.Size() / 2
	}
	return e.Size()
}

// Type returns the struct's descriptor.
func (s *Struct) Type() (shm.Type, error) {
	t := shm.Type{Kind: shm.Struct, Name: s.Title, Size: s.Size}
	t.Fields = s.leaves(nil, "", nil, 0)
	if _, err := shm.ParseType(t.String()); err != nil {
		return t, fmt.Errorf("describing %s: %w", s.Name, err)
	}
	return t, nil
}

func (s *Struct) leaves(list []shm.Field, prefix string, around []shm.Dim, at int) []shm.Field {
	for _, m := range s.Members {
		dims := append(slices.Clone(around), m.dims()...)
		if m.Of != nil {
			list = m.Of.leaves(list, prefix+m.Name+".", dims, at+m.Offset)
			continue
		}
		list = append(list, shm.Field{Name: prefix + m.Name, Elem: m.Elem, Dims: dims, Offset: at + m.Offset})
	}
	return list
}

func (m Member) dims() []shm.Dim {
	dims := make([]shm.Dim, len(m.Lens))
	stride := m.elemSize()
	for i, n := range slices.Backward(m.Lens) {
		dims[i] = shm.Dim{Len: n, Stride: stride}
		stride *= n
	}
	return dims
}

// A cell is what a struct's text has a line for: a member, or padding.
type cell struct {
	Member
	ident string
	pad   int // bytes; 0 for a member
}

// cells are the struct's members under the names of a language, with all padding between
// them explicit, so that no compiler has a say in the layout.
func (s *Struct) cells(ident func(string) string) []cell {
	taken := make(map[string]bool)
	unique := func(name string) string {
		for taken[name] {
			name += "_"
		}
		taken[name] = true
		return name
	}
	var list []cell
	for _, m := range s.Members {
		list = append(list, cell{Member: m, ident: unique(ident(m.Name))})
	}
	var all []cell
	at, pads := 0, 0
	pad := func(to int) {
		if to > at {
			all = append(all, cell{ident: unique(fmt.Sprintf("_pad%d", pads)), pad: to - at})
			pads++
		}
	}
	for _, c := range list {
		pad(c.Offset)
		all = append(all, c)
		at = c.Offset + c.size()
	}
	pad(s.Size)
	return all
}

// nested returns the structs that the roots need, each before those that it is part of.
func nested(roots []*Struct) (all []*Struct) {
	var visit func(*Struct)
	visit = func(s *Struct) {
		if slices.Contains(all, s) {
			return
		}
		for _, m := range s.Members {
			if m.Of != nil {
				visit(m.Of)
			}
		}
		all = append(all, s)
	}
	for _, s := range roots {
		visit(s)
	}
	return all
}

// oneLine is a comment without line ends.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
