package codec

import "github.com/tinylib/msgp/msgp"

// A Map is a value of any type that is encoded as a map, for programs that have no type
// for it. It must not hold itself. [msgp.Raw] holds any value without decoding it.
type Map map[string]any

// MarshalMsg implements [msgp.Marshaler].
func (m Map) MarshalMsg(b []byte) ([]byte, error) { return msgp.AppendMapStrIntf(b, m) }

// UnmarshalMsg implements [msgp.Unmarshaler].
func (m *Map) UnmarshalMsg(b []byte) ([]byte, error) {
	v, rest, err := msgp.ReadMapStrIntfBytes(b, *m)
	if err == nil {
		*m = v
	}
	return rest, err
}

// Msgsize implements [msgp.Sizer].
func (m Map) Msgsize() int { return msgp.GuessSize(map[string]any(m)) }

// Reset implements [Resetter]. UnmarshalMsg empties the map.
func (m *Map) Reset() {}
