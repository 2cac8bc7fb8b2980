package shm

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// MaxName is the greatest length of a topic's name in bytes.
const MaxName = 200

const defaultDir = "/dev/shm"

// Dir returns the directory in which topics live: the environment variable
// TISM_DIR, or /dev/shm. A tmpfs is the right place; systemd deletes what a user
// leaves in /dev/shm when that user logs out (RemoveIPC), which a directory of
// your own escapes.
func Dir() string {
	if dir := os.Getenv("TISM_DIR"); dir != "" {
		return dir
	}
	return defaultDir
}

// checkName refuses names that are no single, visible file name.
func checkName(name string) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrName, why) }
	switch {
	case name == "":
		return bad("it is empty")
	case len(name) > MaxName:
		return bad(fmt.Sprintf("%d bytes, at most %d", len(name), MaxName))
	case name[0] == '.':
		return bad("it begins with a dot")
	case strings.ContainsRune(name, '/'):
		return bad("it contains '/'; leave a leading slash out")
	case strings.ContainsRune(name, 0):
		return bad("it contains NUL")
	case !utf8.ValidString(name):
		return bad("it is not UTF-8")
	}
	return nil
}
