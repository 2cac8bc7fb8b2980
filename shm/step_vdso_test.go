//go:build linux && (amd64 || arm64)

package shm_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Entries of the auxiliary vector, getauxval(3).
const (
	auxIgnore = 1
	auxVDSO   = 33 // AT_SYSINFO_EHDR
)

// hideVDSO makes a program that has just been executed, and is stopped there, read the clock by
// system call, which is one step. The vDSO's clock starts again when the kernel updates the time
// in the middle of it. Stepped, it is slow enough for that to happen over and over.
func hideVDSO(t *testing.T, pid int) {
	t.Helper()
	auxv, err := os.ReadFile(fmt.Sprintf("/proc/%d/auxv", pid))
	must(t, err)
	start, stack := stackOf(t, pid)
	at := bytes.Index(stack, auxv)
	if at < 0 {
		t.Fatal("the auxiliary vector is not on the child's stack")
	}
	for i := 0; i+16 <= len(auxv); i += 16 {
		if binary.NativeEndian.Uint64(auxv[i:]) != auxVDSO {
			continue
		}
		mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_WRONLY, 0)
		must(t, err)
		defer mem.Close()
		_, err = mem.WriteAt(binary.NativeEndian.AppendUint64(nil, auxIgnore), start+int64(at+i))
		must(t, err)
	}
}

// stackOf returns the address and the bytes of a stopped process's stack.
func stackOf(t *testing.T, pid int) (start int64, stack []byte) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	must(t, err)
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(line, "[stack]\n") {
			continue
		}
		var end int64
		_, err := fmt.Sscanf(line, "%x-%x", &start, &end)
		must(t, err)
		mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
		must(t, err)
		defer mem.Close()
		stack = make([]byte, end-start)
		_, err = mem.ReadAt(stack, start)
		must(t, err)
		return start, stack
	}
	t.Fatal("the child has no stack")
	return 0, nil
}
