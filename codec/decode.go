package codec

import (
	"errors"
	"sort"

	"github.com/tinylib/msgp/msgp"
)

// decode decodes all of b into *v. Its error is a [*DecodeError].
func (m *methods[T]) decode(v *T, b []byte) error {
	if m.reset == nil {
		var zero T
		*v = zero
	} else {
		m.reset(v)
	}
	if m.check {
		if at, err := wellFormed(b); err != nil {
			return &DecodeError{Offset: at, Err: err}
		}
	}
	rest, err := m.unmarshal(v, b)
	return m.explain(b, rest, err)
}

// explain makes an error of what UnmarshalMsg has returned for b, if there is one.
func (m *methods[T]) explain(b, rest []byte, err error) error {
	switch {
	case err != nil:
		return &DecodeError{Offset: m.locate(b, err), Err: err}
	case len(rest) > 0:
		return &DecodeError{Offset: len(b) - len(rest), Err: ErrTrailing}
	}
	return nil
}

// locate returns the offset of the element that made UnmarshalMsg fail, which does not
// say so itself: it complains about missing bytes for as long as it is given less than
// that element, so the shortest prefix for which it does not ends there.
func (m *methods[T]) locate(b []byte, err error) int {
	short := func(err error) bool { return errors.Is(err, msgp.ErrShortBytes) }
	if short(err) {
		at, _ := wellFormed(b)
		return at
	}
	n := sort.Search(len(b), func(n int) bool {
		_, err := m.unmarshal(new(T), b[:n])
		return !short(err)
	})
	return elementAround(b, max(n-1, 0))
}
