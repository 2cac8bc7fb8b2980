package shm_test

import (
	"testing"

	"github.com/tism-go/tism/shm"
)

// TestGeneration: a consumer sees from it that somebody else publishes.
func TestGeneration(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, err := shm.Create("topic", uint64(1), in)
	if err != nil {
		t.Fatal(err)
	}
	c, err := shm.Open[uint64]("topic", in)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, opts := range [][]shm.Option{{in}, {in, shm.Resume()}, {in}} {
		before := c.Generation()
		for n := range uint64(20) {
			if err := p.Write(n); err != nil {
				t.Fatal(err)
			}
		}
		if c.Generation() != before {
			t.Error("it changed with a publication")
		}
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		if p, err = shm.Create("topic", uint64(1), opts...); err != nil {
			t.Fatal(err)
		}
		if c.Generation() == before {
			t.Error("it is the same after a takeover")
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}
