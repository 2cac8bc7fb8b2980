//go:build manual

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/tism-go/tism/internal/manual"
)

// With the build tag "manual" the program does one thing: it writes its man pages and completions
// below the directory that its first argument names; the second is the version.
func init() {
	var started bool
	root := newRoot(&started)
	// As the Debian package calls it.
	root.Use = "tism-hwtest"
	root.Long = strings.ReplaceAll(root.Long, "hwtest", root.Use)
	root.Example = strings.ReplaceAll(root.Example, "hwtest", root.Use)
	root.Version = os.Args[2] // "go run" records none
	if err := manual.Write(root, environment, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
