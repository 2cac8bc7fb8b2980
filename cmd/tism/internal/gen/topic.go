package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tism-go/tism/shm"
)

// FromTopic makes a struct of a topic's descriptor, in which nested structs are flattened:
// it finds such that give the same descriptor again, or returns an error. name is what to
// call it, "" for its own name. The topic's word is not trusted: names become source text,
// so they must be names.
func FromTopic(t shm.Type, name string) (*Struct, error) {
	if t.Kind != shm.Struct {
		return nil, fmt.Errorf("the topic holds %s, which has no fields: only a struct can be written in other languages", t.Kind)
	}
	if name == "" {
		name = goName(t.Name)
	}
	if !isName(name) {
		return nil, fmt.Errorf("type name %q: a name is letters, digits and _", name)
	}
	if t.Name != "" && !isName(t.Name) {
		t.Name = asciiName(t.Name) // "ns::State"; never compared
	}
	s := &Struct{Name: name, Title: t.Name, Size: t.Size, Align: 1}
	leaves := make([]leaf, len(t.Fields))
	for i, f := range t.Fields {
		leaves[i] = leaf{strings.Split(f.Name, "."), f}
		for _, part := range leaves[i].path {
			if !isName(part) {
				return nil, fmt.Errorf("field %q: a name is letters, digits and _", f.Name)
			}
		}
	}
	var err error
	if s.Members, err = unflatten(leaves, name, 0, t.Size); err != nil {
		return nil, err
	}
	s.Align = alignOf(s.Members)
	got, err := s.Type()
	if err != nil {
		return nil, err
	}
	if got.String() != t.String() {
		return nil, fmt.Errorf("type %s: no struct has the layout\n%s", t.Name, t)
	}
	return s, natural(s)
}

// A leaf is a field below some struct, with what is left of its path, dimensions and offset.
type leaf struct {
	path []string
	shm.Field
}

// unflatten makes the members of a struct of so many bytes at an offset.
func unflatten(leaves []leaf, name string, at, size int) ([]Member, error) {
	var list []Member
	end := at
	for len(leaves) > 0 {
		n := group(leaves)
		m, err := memberOf(leaves[:n], name, at)
		if err != nil {
			return nil, err
		}
		if at+m.Offset < end || m.Offset+m.size() > size {
			return nil, fmt.Errorf("type %s: field %s overlaps another", name, m.Name)
		}
		end = at + m.Offset + m.size()
		list = append(list, m)
		leaves = leaves[n:]
	}
	return list, nil
}

// group counts the leaves that begin with the same struct as the first.
func group(leaves []leaf) int {
	n := 1
	for n < len(leaves) && len(leaves[0].path) > 1 && leaves[n].path[0] == leaves[0].path[0] && len(leaves[n].path) > 1 {
		n++
	}
	return n
}

func memberOf(leaves []leaf, name string, at int) (Member, error) {
	first := leaves[0]
	m := Member{Name: first.path[0]}
	if len(first.path) == 1 {
		m.Elem, m.Offset = first.Elem, first.Offset-at
		for _, d := range first.Dims {
			m.Lens = append(m.Lens, d.Len)
		}
		return m, nil
	}
	dims, size := arraysAround(leaves)
	inner := make([]leaf, len(leaves))
	align := 1
	for i, l := range leaves {
		l.path, l.Dims = l.path[1:], l.Dims[dims:]
		inner[i] = l
		align = max(align, elemAlign(l.Elem))
	}
	start := first.Offset / align * align // where a struct can begin
	if start < at {
		start = at
	}
	if dims == 0 {
		size = (extent(inner) - start + align - 1) / align * align
	}
	for _, d := range first.Dims[:dims] {
		m.Lens = append(m.Lens, d.Len)
	}
	m.Offset = start - at
	m.Of = &Struct{Name: name + camel(m.Name), Size: size, Align: align}
	var err error
	m.Of.Members, err = unflatten(inner, m.Of.Name, start, size)
	return m, err
}

// arraysAround returns how many of the leaves' outer dimensions are those of the struct that
// they are in, and the distance of its elements.
func arraysAround(leaves []leaf) (n, stride int) {
	for k := 1; k <= len(leaves[0].Dims); k++ {
		d := leaves[0].Dims[k-1]
		fits := !slices.ContainsFunc(leaves, func(l leaf) bool {
			return len(l.Dims) < k || l.Dims[k-1] != d || l.Offset-leaves[0].Offset+span(l.Field, k) > d.Stride
		})
		if !fits {
			break
		}
		n, stride = k, d.Stride
	}
	return n, stride
}

// span is the bytes that a field takes within its first k dimensions.
func span(f shm.Field, k int) int {
	size := f.Elem.Size()
	for _, d := range f.Dims[k:] {
		size += (d.Len - 1) * d.Stride
	}
	return size
}

func extent(leaves []leaf) int {
	end := 0
	for _, l := range leaves {
		end = max(end, l.Offset+span(l.Field, 0))
	}
	return end
}

func alignOf(members []Member) int {
	align := 1
	for _, m := range members {
		align = max(align, m.align())
	}
	return align
}

// natural refuses what a compiler would align in another way.
func natural(s *Struct) error {
	for _, n := range nested([]*Struct{s}) {
		for _, m := range n.Members {
			if m.Offset%m.align() != 0 {
				return fmt.Errorf("type %s: field %s is at byte %d, which is not aligned", n.Name, m.Name, m.Offset)
			}
		}
		if n.Size%n.Align != 0 {
			return fmt.Errorf("type %s has %d bytes, which is no multiple of its alignment, %d", n.Name, n.Size, n.Align)
		}
	}
	return nil
}

// goName makes a Go name of a type's name in whatever language.
func goName(name string) string {
	name = strings.TrimSuffix(asciiName(name), "_t")
	if strings.Trim(name, "_") == "" {
		return "Topic"
	}
	return camel(name)
}
