package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// Text returns the descriptors and, for people, the layouts with their padding.
func Text(o Output) ([]byte, error) {
	var b bytes.Buffer
	for i, s := range o.Roots {
		t, err := s.Type()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(t.String())
	}
	for _, s := range nested(o.Roots) {
		fmt.Fprintf(&b, "\n%s, %d bytes\n", s.Name, s.Size)
		w := tabwriter.NewWriter(&b, 2, 0, 2, ' ', 0)
		at := 0
		for _, m := range s.cells(func(name string) string { return name }) {
			if m.pad > 0 {
				fmt.Fprintf(w, "\t%d\t%d\tpadding\n", at, m.pad)
				at += m.pad
				continue
			}
			of := string(m.Elem)
			if m.Of != nil {
				of = m.Of.Name
			}
			for _, n := range m.Lens {
				of += fmt.Sprintf("[%d]", n)
			}
			fmt.Fprintf(w, "\t%d\t%d\t%s\t%s\t%s\n", m.Offset, m.size(), m.ident, of, m.Comment)
			at = m.Offset + m.size()
		}
		if err := w.Flush(); err != nil {
			return nil, err
		}
	}
	return trimLines(b.String()), nil
}

func trimLines(s string) []byte {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return []byte(strings.Join(lines, "\n"))
}

// JSON returns the types with the keys of "tism info --json", and the descriptor's text.
func JSON(o Output) ([]byte, error) {
	type field struct {
		Name   string `json:"name"`
		Type   string `json:"type"`
		Offset int    `json:"offset"`
	}
	type description struct {
		Kind       string  `json:"kind"`
		Name       string  `json:"name,omitempty"`
		Size       int     `json:"size_bytes"`
		Fields     []field `json:"fields"`
		Descriptor string  `json:"descriptor"`
	}
	var all []description
	for _, s := range o.Roots {
		t, err := s.Type()
		if err != nil {
			return nil, err
		}
		d := description{Kind: string(t.Kind), Name: t.Name, Size: t.Size, Descriptor: t.String()}
		lines := strings.Split(strings.TrimSuffix(d.Descriptor, "\n"), "\n")
		for i, line := range lines[1:] {
			d.Fields = append(d.Fields, field{t.Fields[i].Name, strings.Fields(line)[1], t.Fields[i].Offset})
		}
		all = append(all, d)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(all)
	return b.Bytes(), err
}
