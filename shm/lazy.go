package shm

// A LazyPublisher creates its topic at the first write, for a publisher that has
// nothing to say before its sensor does. It is for one goroutine at a time.
type LazyPublisher[T any] struct {
	name string
	opts []Option
	p    *Publisher[T]
}

// Lazy returns a publisher that takes no resources until its first write. It checks
// nothing: what is wrong with the name, the options or T is said then.
func Lazy[T any](name string, opts ...Option) *LazyPublisher[T] {
	return &LazyPublisher[T]{name: name, opts: opts}
}

// Write publishes a copy of v, and creates the topic with v as the initial value if
// this is the first write. Errors are those of [Create] and [Publisher.Write]; after
// a failed creation the next write tries again.
func (l *LazyPublisher[T]) Write(v T) error {
	if l.p != nil {
		return l.p.Write(v)
	}
	return l.Allocate(v)
}

// Allocate creates the topic with the initial value v, or does nothing if it was
// created before.
func (l *LazyPublisher[T]) Allocate(v T) error {
	if l.p != nil {
		return nil
	}
	p, err := Create(l.name, v, l.opts...)
	if err != nil {
		return err
	}
	l.p = p
	return nil
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
