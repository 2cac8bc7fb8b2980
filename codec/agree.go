package codec

import (
	"maps"
	"slices"

	"github.com/tinylib/msgp/msgp"
)

// An agreement is about the names of fields that a publisher uses and T has.
type agreement struct {
	generation uint32 // of the publisher
	size       int    // of the longest value that has been compared, 0 for none
	paths      paths  // of the maps in those values
}

// paths are those of maps whose names agree: "" for the value itself, "legs[]" for the
// elements of a list.
type paths map[string]bool

// agreed reports whether the names in a value of n bytes, which was just read, need no
// comparison: its publisher's have been compared, in a value that was no shorter. One
// that is longer than all before may have a map that they had not: in a list that was
// empty.
func (c *Consumer[T]) agreed(n int) bool {
	return n <= c.agreement.size && c.Generation() == c.agreement.generation
}

// agree compares the names of fields in b, which has just been decoded, with T's.
func (c *Consumer[T]) agree(b []byte) error {
	if !c.m.named {
		return nil
	}
	known := c.agreement
	generation := c.Generation()
	if known.generation != generation {
		known = agreement{generation: generation}
	}
	total, err := c.TotalWrites()
	own := err == nil && total > 0 && !c.HasChanged() // the publisher's, not one that it has resumed with
	found, err := c.m.compare(b, known.paths)
	if err != nil {
		return err
	}
	if own && c.Generation() == generation {
		known.size, known.paths = max(known.size, len(b)), found
		c.agreement = known
	}
	return nil
}

// compare finds out by encoding again what b decodes to: T writes the fields that it
// knows, and leaves out only what is optional and was not there. Maps that are known to
// agree are not judged again, since what they have more or less later on is optional.
// It returns them and those that are new.
func (m *methods[T]) compare(b []byte, known paths) (paths, error) {
	if at, err := wellFormed(b); err != nil { // what T does not know it has only skipped
		return nil, &DecodeError{Offset: at, Err: err}
	}
	v := new(T) // a value with a Reset may hold more than b
	if _, err := m.unmarshal(v, b); err != nil {
		return nil, &DecodeError{Offset: m.locate(b, err), Err: err}
	}
	own, err := m.marshal(v, nil)
	if err != nil {
		return known, nil // T is only for reading, and cannot be asked
	}
	d := difference{theirs: b, own: own, known: known, found: maps.Clone(known)}
	if d.found == nil {
		d.found = make(paths)
	}
	d.compare(0, 0, "")
	if len(d.missing) > 0 && len(d.unknown) > 0 {
		return nil, &DecodeError{Offset: d.at, Err: &FieldsError{Missing: d.missing, Unknown: d.unknown}}
	}
	return d.found, nil
}

// A difference is what two encodings of the same value differ by.
type difference struct {
	theirs, own      []byte
	known, found     paths
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
	var unknown []field
	for _, f := range theirs {
		value, ok := known[f.name]
		if !ok {
			unknown = append(unknown, f)
			continue
		}
		delete(known, f.name)
		d.compare(f.value, value, join(path, f.name))
	}
	if d.known[path] {
		return
	}
	for _, f := range unknown {
		if d.unknown == nil {
			d.at = f.key
		}
		d.unknown = appendNew(d.unknown, join(path, f.name))
	}
	for _, f := range own {
		if _, missing := known[f.name]; missing {
			d.missing = appendNew(d.missing, join(path, f.name))
		}
	}
	if len(d.found) < maxPaths {
		d.found[path] = true
	}
}

// maxPaths bounds what is remembered of maps whose keys are data.
const maxPaths = 1000

// maxNames is how many names a [FieldsError] lists: enough for whoever looks for a mistake.
const maxNames = 20

// appendNew keeps what many elements of a list have in common from being said for each.
func appendNew(names []string, name string) []string {
	if len(names) == maxNames || slices.Contains(names, name) {
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
