package shm

import (
	"bytes"
	"os"
	"sync/atomic"
)

// putCommand stores a process's name in 4 words, 16 bytes.
func putCommand(words []atomic.Uint32, name string) {
	var b [16]byte
	copy(b[:15], name)
	for i := range words {
		words[i].Store(uint32(b[4*i]) | uint32(b[4*i+1])<<8 | uint32(b[4*i+2])<<16 | uint32(b[4*i+3])<<24)
	}
}

// commandText makes a name of 16 bytes fit to print, whatever they are.
func commandText(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	if len(b) == 0 {
		return "?"
	}
	text := []rune(string(b))
	for i, r := range text {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			text[i] = '?'
		}
	}
	return string(text)
}

func loadCommand(words []atomic.Uint32) string {
	var b [16]byte
	for i := range words {
		w := words[i].Load()
		b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
	return commandText(b[:])
}

// sign says who publishes now, and from where TotalWrites counts.
func (p *publisherWords) sign(base uint64) {
	g := p.generation.Load() | 1
	p.generation.Store(g)
	p.pid.Store(uint32(os.Getpid()))
	putCommand(p.command[:], command())
	p.baseLo.Store(uint32(base))
	p.baseHi.Store(uint32(base >> 32))
	p.generation.Store(g + 1)
}

// signature is who published last, for people to read.
func (p *publisherWords) signature() LiveError {
	return LiveError{PID: int(p.pid.Load()), Command: loadCommand(p.command[:])}
}

// base returns the publication after which TotalWrites counts.
func (p *publisherWords) base() uint64 {
	var base uint64
	for range 100 {
		g := p.generation.Load()
		base = uint64(p.baseLo.Load()) | uint64(p.baseHi.Load())<<32
		if g&1 == 0 && p.generation.Load() == g {
			break
		}
	}
	return base // of a publisher that died while it signed: still one of the two
}
