package checks

import (
	"slices"

	"github.com/tism-go/tism/hwtest/internal/suite"
)

// All returns the tests in the order in which they run: what others rest on comes first.
func All() []suite.Test {
	return slices.Concat(futexTests, roleTests, kernelTests, layoutTests, litmusTests, stressTests, killTests, mixedTests, figureTests)
}
