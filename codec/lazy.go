package codec

import "github.com/tism-go/tism/shm"

// A LazyPublisher creates its topic at the first write: see [shm.LazyPublisher].
type LazyPublisher[T any] struct {
	create func(initial T) (*Publisher[T], error)
	p      *Publisher[T]
}

// Lazy returns a publisher that takes no resources and checks nothing until its
// first write: see [shm.Lazy].
func Lazy[T any, P Value[T]](name string, capacity int, opts ...shm.Option) *LazyPublisher[T] {
	return &LazyPublisher[T]{create: func(initial T) (*Publisher[T], error) {
		return Create[T, P](name, capacity, initial, opts...)
	}}
}

// Write publishes v, and creates the topic with v as the initial value if this is the
// first write. After a failed creation the next write tries again.
func (l *LazyPublisher[T]) Write(v T) error {
	if l.p != nil {
		return l.p.Write(v)
	}
	return l.Allocate(v)
}

// Allocate creates the topic with the initial value v, or does nothing if it was
// created before.
func (l *LazyPublisher[T]) Allocate(v T) (err error) {
	if l.p == nil {
		l.p, err = l.create(v)
	}
	return err
}

// HasAllocated reports whether the topic was created.
func (l *LazyPublisher[T]) HasAllocated() bool { return l.p != nil }

// Strict returns the publisher behind l, and false if the topic was not created yet.
// It stays the same publisher: close one of the two.
func (l *LazyPublisher[T]) Strict() (*Publisher[T], bool) { return l.p, l.p != nil }

// Close closes the publisher if the topic was created.
func (l *LazyPublisher[T]) Close() error {
	if l.p == nil {
		return nil
	}
	return l.p.Close()
}
