//go:build linux

package futex_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/futex"
)

// everybodyLives is for processes that end together.
type everybodyLives struct{ slots int }

func (everybodyLives) WriterAlive() bool { return true }
func (everybodyLives) Reap(int) bool     { return false }
func (p everybodyLives) Slots() int      { return p.slots }

// A lock in a mapping of the caller's: here an anonymous one, which a cgo program
// could share with children that it forks; a file that several processes map does as
// well. Peers decides what happens when a process dies.
func ExampleRWLock() {
	type shared struct {
		word  atomic.Uint32
		_     [15]uint32 // a line of its own
		slots [4]futex.Slot
		value [2]uint64
	}
	m, err := unix.Mmap(-1, 0, int(unsafe.Sizeof(shared{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = unix.Munmap(m) }()
	s := (*shared)(unsafe.Pointer(&m[0]))
	lock := futex.RWLock{Word: &s.word, Slots: s.slots[:], Peers: everybodyLives{len(s.slots)}}
	ctx := context.Background()

	w := lock.Writer()
	if err := w.Lock(ctx, -1); err != nil {
		fmt.Println(err)
		return
	}
	s.value = [2]uint64{7, 7}
	if err := w.Unlock(); err != nil {
		fmt.Println(err)
	}

	r := lock.Reader(2) // this process owns slot 2
	if err := r.RLock(ctx, -1); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.value)
	if err := r.RUnlock(); err != nil {
		fmt.Println(err)
	}
	// Output: [7 7]
}
