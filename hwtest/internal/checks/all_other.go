//go:build !linux

package checks

import "github.com/tism-go/tism/hwtest/internal/suite"

// All returns nothing: topics need Linux.
func All() []suite.Test { return nil }
