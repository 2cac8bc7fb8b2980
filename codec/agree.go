package codec

import (
	"bytes"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// nobody is no publisher's base.
const nobody = ^uint64(0)

// writer identifies the publisher of the value that was just read, and reports whether
// its fields are known to agree. A publisher's writes are counted from the topic's
// last one before it, so that base is what tells publishers apart.
func (c *Consumer[T]) writer() (base uint64, known bool) {
	if !c.named {
		return nobody, true
	}
	total, err := c.TotalWrites()
	if err != nil || c.HasChanged() { // the total may be of a later value
		return nobody, false
	}
	base = c.Info().Number - total
	return base, base == c.base
}

// agree compares the names of fields in b, which has just been decoded, with T's.
func (c *Consumer[T]) agree(b []byte, base uint64) error {
	named, err := c.m.compare(b)
	if err == nil {
		c.named, c.base = named, base
	}
	return err
}

// compare finds out by encoding again what b decodes to: T writes the fields that it
// knows, and leaves out only what is optional and was not there. named tells whether b
// has maps at all.
func (m *methods[T]) compare(b []byte) (named bool, err error) {
	if at, err := wellFormed(b); err != nil { // what T does not know it has only skipped
		return false, &DecodeError{Offset: at, Err: err}
	}
	v := new(T) // a value with a Reset may hold more than b
	if _, err := m.unmarshal(v, b); err != nil {
		return false, &DecodeError{Offset: m.locate(b, err), Err: err}
	}
	own, err := m.marshal(v, nil)
	if err != nil {
		return false, nil // T is only for reading, and cannot be asked
	}
	if !bytes.Equal(b, own) { // nearly always they are
		d := difference{theirs: b, own: own}
		d.compare(0, 0, "")
		if len(d.missing) > 0 && len(d.unknown) > 0 {
			return false, &DecodeError{Offset: d.at, Err: &FieldsError{Missing: d.missing, Unknown: d.unknown}}
		}
	}
	return hasMaps(b), nil
}

// A difference is what two encodings of the same value differ by.
type difference struct {
	theirs, own      []byte
	missing, unknown []string
	at               int // where the first unknown field is
}

// compare compares the elements at two offsets, which are those of path.
func (d *difference) compare(theirs, own int, path string) {
	a, b := msgp.NextType(d.theirs[theirs:]), msgp.NextType(d.own[own:])
	switch {
	case a == msgp.MapType && b == msgp.MapType:
		d.compareMaps(fields(d.theirs, theirs), fields(d.own, own), path)
	case a == msgp.ArrayType && b == msgp.ArrayType:
		t, o := items(d.theirs, theirs), items(d.own, own)
		for i := range min(len(t), len(o)) {
			d.compare(t[i], o[i], path+"[]")
		}
	}
}

func (d *difference) compareMaps(theirs, own []field, path string) {
	known := make(map[string]int, len(own))
	for _, f := range own {
		known[f.name] = f.value
	}
	for _, f := range theirs {
		value, ok := known[f.name]
		if !ok {
			if d.unknown == nil {
				d.at = f.key
			}
			d.unknown = appendNew(d.unknown, join(path, f.name))
			continue
		}
		delete(known, f.name)
		d.compare(f.value, value, join(path, f.name))
	}
	for _, f := range own {
		if _, missing := known[f.name]; missing {
			d.missing = appendNew(d.missing, join(path, f.name))
		}
	}
}

// appendNew keeps what many elements of a list have in common from being said for each.
func appendNew(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
