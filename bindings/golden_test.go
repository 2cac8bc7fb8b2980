//go:build linux

package bindings_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "make the golden segments anew, which changes the layout for everybody")

// The golden segments, as their publisher left them when it was killed.
var golden = []struct {
	kind    string
	buffers int
}{
	{"sample", 4},
	{"sample", 1},
	{"bytes", 1},
	{"bytes", 3},
}

func goldenFile(kind string, buffers int) string {
	return fmt.Sprintf("testdata/%s-%d.topic.gz", kind, buffers)
}

// abandoned makes the segment: first value 7, then 8 to 12, and no end.
func abandoned(t *testing.T, l language, kind string, buffers int) []byte {
	t.Helper()
	dir := t.TempDir()
	pub := l.start(t, dir, nil)
	pub.ok("create new %s topic %d 7", kind, buffers)
	for n := 8; n <= 12; n++ {
		pub.ok("write %d", n)
	}
	pub.kill()
	b, err := os.ReadFile(filepath.Join(dir, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readGolden(t *testing.T, kind string, buffers int) []byte {
	t.Helper()
	f, err := os.Open(goldenFile(kind, buffers))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeGolden(t *testing.T, kind string, buffers int) {
	t.Helper()
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(abandoned(t, goLanguage, kind, buffers)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFile(kind, buffers), z.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// mask blanks what differs from one run to the next: PID, command, times.
func mask(segment []byte, buffers int) []byte {
	b := bytes.Clone(segment)
	clear(b[65536+68 : 65536+88])
	const at = 196608 // of the buffers, with 8 slots
	stride := (len(b) - at) / buffers
	for i := range buffers {
		clear(b[at+i*stride+16:][:16])
	}
	return b
}

func forGolden(t *testing.T, f func(t *testing.T, l language, kind string, buffers int)) {
	all := slices.Clone(languages)
	for _, tc := range toolchains {
		all = append(all, inC(tc))
	}
	for _, l := range all {
		for _, g := range golden {
			t.Run(fmt.Sprintf("%s/%s-%d", l.name, g.kind, g.buffers), func(t *testing.T) { f(t, l, g.kind, g.buffers) })
		}
	}
}

// Every language reads the golden segments, and goes on with them.
func TestReadGolden(t *testing.T) {
	if *update {
		for _, g := range golden {
			writeGolden(t, g.kind, g.buffers)
		}
	}
	forGolden(t, func(t *testing.T, l language, kind string, buffers int) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "topic"), readGolden(t, kind, buffers), 0o600); err != nil {
			t.Fatal(err)
		}
		sub := l.start(t, dir, nil)
		sub.ok("open now %s topic", kind)
		sub.want("ok died", "state")
		sub.want("ok 12 0", "read")
		sub.want("ok 12 0", "rlock")
		sub.ok("runlock")
		sub.want("ok 0 6", "writes")
		pub := l.start(t, dir, nil)
		pub.ok("create resume %s topic %d 1", kind, buffers)
		pub.ok("write 13")
		sub.want("ok 13 0", "next")
	})
}

// What a language writes is the golden segment to the byte.
func TestWriteGolden(t *testing.T) {
	forGolden(t, func(t *testing.T, l language, kind string, buffers int) {
		got, want := mask(abandoned(t, l, kind, buffers), buffers), mask(readGolden(t, kind, buffers), buffers)
		if len(got) != len(want) {
			t.Fatalf("%d bytes, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("byte %d is %#x, want %#x", i, got[i], want[i])
			}
		}
	})
}
