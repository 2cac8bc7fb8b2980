//go:build linux

package bindings_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

// C and Go take the same descriptors, and refuse the same: what one would read, the other
// does not call damaged.
func TestDescriptorsAgree(t *testing.T) {
	t.Parallel()
	forBuilds(t, func(t *testing.T, tc toolchain) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		texts := descriptors(rand.New(rand.NewPCG(seed, 0)), 20000)
		var in bytes.Buffer
		for _, text := range texts {
			fmt.Fprintf(&in, "%d\n%s", len(text), text)
		}
		argv := tc.program(t, "descriptors.c")
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stdin = &in
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		answers := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if len(answers) != len(texts) {
			t.Fatalf("%d answers to %d descriptors", len(answers), len(texts))
		}
		good := 0
		for i, text := range texts {
			want := "no 0"
			if typ, err := shm.ParseType(text); err == nil {
				want = fmt.Sprintf("%s %d", typ.Kind, typ.Size)
				good++
			}
			if answers[i] != want {
				t.Errorf("C says %q of %q, Go %q", answers[i], text, want)
			}
		}
		if good < len(texts)/20 || good > len(texts)*19/20 {
			t.Errorf("%d of %d descriptors are good, which tests little", good, len(texts))
		}
	})
}

// descriptors are good ones, most of them damaged here and there.
func descriptors(r *rand.Rand, n int) []string {
	seeds := []string{
		"bytes - 100\n", "msgpack Log 4096\n", "struct A 8\nx u64 @0\n",
		"struct Everything 128\ntime_us u64 @0\nq f32[4] @8\nmatrix f64[2][3] @24\ncells.id u8[3:8] @72\ncells.volts f32[3:8] @76\nok bool @98\n",
		"struct B 64\na.b c64[2][2:24] @0\nz c128 @48\n",
	}
	pieces := []string{" ", "\n", "@", "[", "]", ":", "0", "1", "9", "00", "-", "+", "u8", "f64", "bytes", "struct", "[2]", "[2:8]", "x", ".", "\x00", "é", "\xff", "[1][1][1][1][1]"}
	list := append([]string{"", "\n", "struct - 8\n"}, seeds...)
	for len(list) < n {
		text := []byte(seeds[r.IntN(len(seeds))])
		for range r.IntN(4) {
			at := r.IntN(len(text) + 1)
			piece := []byte(pieces[r.IntN(len(pieces))])
			end := min(len(text), at+r.IntN(3))
			text = append(append(bytes.Clone(text[:at]), piece...), text[end:]...)
		}
		list = append(list, string(text))
	}
	return list
}
