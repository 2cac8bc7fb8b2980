package codec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/shm"
)

// Value is what a pointer to T must be: what msgp generates. T is inferred wherever
// it is not given, and its pointer always.
type Value[T any] interface {
	*T
	msgp.Marshaler
	msgp.Unmarshaler
	msgp.Sizer
}

// A Resetter is a T that tells how it is read into when it holds something already.
// Reset must leave nothing of the old value that could pass for a part of a new one,
// since a message does not have to carry every field; what it keeps is memory:
//
//	func (p *PointCloud) Reset() {
//		clear(p.Points) // only if Point is encoded as a map
//		*p = PointCloud{Points: p.Points[:0]}
//	}
//
// Without the method ReadInto and NextInto begin with the zero T.
type Resetter interface{ Reset() }

// A Limited is a T that vouches for its limits: its methods were generated with
// limits (//msgp:limit, or limit= in a field's tag) for every slice and map in it. Then
// what they allocate has a bound, and the messages of a topic need not be walked before
// they are decoded, which saves a long list about an eighth of its time. A T that can be nested
// without end is walked all the same, and everything is where an int has 32 bits.
//
//	func (*PointCloud) MsgLimited() {}
type Limited interface{ MsgLimited() }

// smallValue is a capacity in bytes up to which a copy costs less than holding a buffer
// does: values are encoded and decoded in memory of the handle's own then.
const smallValue = 4096

// methods are those of a T, found once so that handles need no second type parameter.
type methods[T any] struct {
	marshal   func(v *T, b []byte) ([]byte, error)
	unmarshal func(v *T, b []byte) ([]byte, error)
	size      func(v *T) int
	reset     func(v *T) // nil: to the zero T
	named     bool       // see nature
	check     bool       // messages are walked before they are decoded
	plain     bool       // neither reset nor check
}

func methodsOf[T any, P Value[T]]() (*methods[T], error) {
	n, err := natureOf(reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	m := &methods[T]{
		marshal:   func(v *T, b []byte) ([]byte, error) { return P(v).MarshalMsg(b) },
		unmarshal: func(v *T, b []byte) ([]byte, error) { return P(v).UnmarshalMsg(b) },
		size:      func(v *T) int { return P(v).Msgsize() },
		reset:     resetOf[T](),
		named:     n.named,
		check:     n.endless || n.claims && !limited[T]() || narrow,
	}
	m.plain = m.reset == nil && !m.check
	return m, nil
}

// narrow: lengths of MessagePack do not fit into an int, which msgp v1.6.5 does not expect
// where it reads strings.
const narrow = strconv.IntSize < 64

func limited[T any]() bool {
	_, ok := any((*T)(nil)).(Limited)
	return ok
}

func resetOf[T any]() func(*T) {
	switch any((*T)(nil)).(type) {
	case Resetter:
		return func(v *T) { any(v).(Resetter).Reset() }
	case *msgp.Raw:
		return func(*T) {} // it overwrites all of itself
	}
	return nil
}

// typeOf returns the descriptor of a topic of T; the capacity is the topic's matter.
func typeOf[T any]() shm.Type {
	name, _, _ := strings.Cut(reflect.TypeFor[T]().Name(), "[")
	return shm.Type{Kind: shm.MessagePack, Name: name, Size: 1}
}

// A nature is what a type's structure tells about decoding it.
type nature struct {
	named   bool // it has structs, whose fields may be encoded with their names
	claims  bool // it has slices or maps, which generated code makes as long as a message claims
	endless bool // it is nested as deep as the message is
}

// natureOf refuses a T that would keep pointers into a topic's memory.
func natureOf(t reflect.Type) (nature, error) {
	w := typeWalk{above: make(map[reflect.Type]bool)}
	err := w.walk(t, t.Name())
	return w.nature, err
}

type typeWalk struct {
	nature
	above map[reflect.Type]bool // types that lead to the one that is looked at
}

func (w *typeWalk) walk(t reflect.Type, path string) error {
	if t == reflect.TypeFor[time.Time]() {
		return nil // msgp does not look inside
	}
	if w.above[t] {
		w.endless = true
		return nil
	}
	w.above[t] = true
	defer delete(w.above, t)
	switch t.Kind() {
	case reflect.Struct:
		return w.walkFields(t, path)
	case reflect.Array, reflect.Pointer:
		return w.walk(t.Elem(), path)
	case reflect.Slice, reflect.Map:
		w.claims = true
		return w.walk(t.Elem(), path+"[]")
	case reflect.Interface:
		w.endless = true
	}
	return nil
}

func (w *typeWalk) walkFields(t reflect.Type, path string) error {
	w.named = true
	for f := range t.Fields() {
		where := path + "." + f.Name
		if zeroCopy(f.Tag) {
			return fmt.Errorf("%w: field %s: msgp's zerocopy would leave it pointing into the topic's memory", shm.ErrBadType, where)
		}
		if err := w.walk(f.Type, where); err != nil {
			return err
		}
	}
	return nil
}

// zeroCopy looks for the part in all tags, because a directive can tell msgp to read
// others than its own.
func zeroCopy(tag reflect.StructTag) bool {
	return strings.Contains(string(tag), ",zerocopy")
}
