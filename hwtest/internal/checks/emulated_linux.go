package checks

import (
	"runtime"

	"github.com/tism-go/tism/hwtest/internal/suite"
)

// unordered reports whether memory order between CPUs is not that of the real machine: QEMU (7.2 at
// least) emulates arm64's STLR and LDAR without the order between the two.
func unordered(t *suite.T) bool { return t.Emulated != "" && runtime.GOARCH == "arm64" }
