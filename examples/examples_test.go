// Package examples holds programs to copy from, one in each folder.
package examples

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestExamples runs each program as its comment says. Values can be missed on a busy
// computer, the last one cannot.
func TestExamples(t *testing.T) {
	if os.Getenv("TISM_EXEC_PREFIX") != "" {
		t.Skip("go run needs no emulator: it has the go command's own architecture")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err)
	}
	for name, last := range map[string]string{
		"telemetry": "climb 22.0 V, warning: battery low\n",
		"pointlist": " points, the nearest 1.0 m away\n",
		"eventlog":  "8   8000 µs info    main: landed, disarmed\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command("go", "run", "./"+name)
			cmd.Env = append(os.Environ(), "TISM_DIR="+dir)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.HasSuffix(string(out), last) {
				t.Errorf("printed %s", out)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}
