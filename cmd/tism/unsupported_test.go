//go:build !linux

package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestUnsupported(t *testing.T) {
	for _, args := range [][]string{{"ls"}, {"info", "x"}, {"rm", "x"}, {"demo"}} {
		var out, errs bytes.Buffer
		status := execute(args, &out, &errs)
		if status != 1 || !strings.Contains(errs.String(), errors.ErrUnsupported.Error()) {
			t.Errorf("tism %v = status %d, %q", args, status, errs.String())
		}
	}
}
