//go:build !linux

package suite

import (
	"errors"
	"fmt"

	"github.com/tism-go/tism/hwtest/internal/report"
)

// Serve does nothing: tests run on Linux.
func Serve([]Test) {}

// Run fails.
func Run(test Test, _ Settings) report.Test {
	return report.Test{Name: test.Name, Outcome: report.Fail, Reason: fmt.Sprint(errors.ErrUnsupported)}
}
