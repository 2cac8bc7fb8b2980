package shm

import (
	"fmt"
	"io/fs"
	"time"
)

// An Option changes how a topic is created or opened. Each says for which of the
// two it is; elsewhere it has no effect.
type Option func(*config)

type config struct {
	buffers      int
	slots        int
	mode         fs.FileMode
	dir          string
	timeout      time.Duration
	typ          *Type
	resume       bool
	replace      bool
	noTimestamps bool
	prefault     bool
	lockMemory   bool
	readOnly     bool
	allowClosed  bool
}

// DefaultTimeout is how long a call without a context waits for somebody in its
// way before it gives up (see [Timeout]).
const DefaultTimeout = time.Second

func configure(opts []Option) (config, error) {
	c := config{buffers: defaultBuffers, slots: defaultSlots, mode: 0o600, dir: Dir(), timeout: DefaultTimeout}
	for _, o := range opts {
		o(&c)
	}
	switch {
	case c.buffers < 1 || c.buffers > MaxBuffers:
		return c, fmt.Errorf("%w: %d buffers: 1 to %d", ErrOption, c.buffers, MaxBuffers)
	case c.slots < 1 || c.slots > MaxSlots:
		return c, fmt.Errorf("%w: %d slots: 1 to %d", ErrOption, c.slots, MaxSlots)
	case c.timeout <= 0:
		return c, fmt.Errorf("%w: timeout %v: more than 0", ErrOption, c.timeout)
	case c.mode&^0o777 != 0 || c.mode&0o600 != 0o600:
		return c, fmt.Errorf("%w: mode %v: permission bits that include 0600", ErrOption, c.mode)
	}
	return c, nil
}

// Buffers sets the number of buffers of a created topic, 1 to 15 (default 4). With
// 1 the value lives in place under a reader-writer lock: the least memory, but the
// publisher waits for whoever holds a guard, and one that is killed while it
// writes leaves the value torn until its successor's first write. With n of 2 or
// more publishing never touches the newest value, consumers never wait, and the
// publisher does not wait either while guards are held on no more than n-2
// different values besides the newest.
func Buffers(n int) Option { return func(c *config) { c.buffers = n } }

// Slots sets how many consumers a created topic has room for (default 128); each
// costs 64 bytes. Consumers without write permission need none.
func Slots(n int) Option { return func(c *config) { c.slots = n } }

// Mode sets the permissions of a created topic's file (default 0600), whatever
// the umask. Who may only read (0644) can read, wait and inspect, but holds no
// guards and is not woken: it looks every few milliseconds. 0666 lets other users
// be full consumers, and lets them publish when nobody does.
func Mode(m fs.FileMode) Option { return func(c *config) { c.mode = m } }

// InDir puts or looks for the topic in a directory other than [Dir].
func InDir(dir string) Option { return func(c *config) { c.dir = dir } }

// Timeout sets how long the handle's calls without a context wait for somebody in
// their way (default 1 s).
func Timeout(d time.Duration) Option { return func(c *config) { c.timeout = d } }

// Resume makes Create keep the newest value of a topic that it takes over,
// instead of publishing the initial one. If there is none to keep, the initial
// value is published; if it is torn, Create returns [ErrTorn].
func Resume() Option { return func(c *config) { c.resume = true } }

// Replace makes Create take the name of a topic even if that has a live publisher,
// which gets [ErrReplaced] from then on, as do its consumers.
func Replace() Option { return func(c *config) { c.replace = true } }

// NoTimestamps makes a publisher record no time of publication, which saves
// reading the clock: 20 to 30 ns of each write. Consumers cannot tell the age of
// such a value, except for what WriteAt records.
func NoTimestamps() Option { return func(c *config) { c.noTimestamps = true } }

// Prefault enters the topic's pages into this process's page table when it is
// created or opened, so that no first use is slow.
func Prefault() Option { return func(c *config) { c.prefault = true } }

// LockMemory keeps the topic's pages in RAM (mlock(2)), for real-time use. It
// includes [Prefault]. If the kernel refuses, the call fails with [ErrMemoryLock]
// and says what to raise.
func LockMemory() Option { return func(c *config) { c.lockMemory = true } }

// ReadOnly makes a consumer open the topic as if it had only read permission: it
// takes no slot, disturbs nobody, can read, wait and inspect, and holds no guards.
func ReadOnly() Option { return func(c *config) { c.readOnly = true } }

// AllowClosed makes Open succeed on a topic that its publisher has closed.
func AllowClosed() Option { return func(c *config) { c.allowClosed = true } }

// WithType sets the descriptor of a byte topic that is created, for packages that
// put an encoding on top. Kind must not be [Struct]; the size is the capacity.
func WithType(t Type) Option { return func(c *config) { c.typ = &t } }
