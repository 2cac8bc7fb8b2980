// Command hwtest is the suite that a board must pass before it flies with tism: one static binary, copied
// with scp and run with no arguments. "hwtest --help" tells the rest.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/internal/checks"
	"github.com/tism-go/tism/hwtest/internal/proc"
	"github.com/tism-go/tism/hwtest/internal/suite"
)

const about = `hwtest tests this computer for everything that tism promises and that depends on the
machine: locks and buffers under stress, memory ordering, kills, the kernel's futexes and
locks, layout, limits; and measures latency and costs.

It prints the board, one line a test, and a summary. Exit status 0 means that no test failed.
Timings are reported. They fail a test only where they cannot be true, or no wake arrives.`

const environment = `
Environment:
  TISM_DIR          the directory of the topics (default /dev/shm)
  TISM_EXEC_PREFIX  words before the command line of child processes (an emulator)
  NO_COLOR          no colours

Exit status:
  0  every test passed or was skipped
  1  a test failed (compare: something got worse)
  2  wrong usage
`

func main() {
	suite.Serve(append(checks.All(), checks.Probe)...)
	proc.Play()
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// errFailed ends a run whose report has said everything.
var errFailed = errors.New("failed")

// execute runs a command line and returns its exit status.
func execute(args []string, stdout, stderr io.Writer) int {
	started := false
	root := newRoot(&started)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return 1
	}
	fmt.Fprintf(stderr, "hwtest: %s\n", strings.TrimPrefix(err.Error(), "hwtest: "))
	// What cobra finds wrong by itself, it finds before the command starts.
	var usage usageError
	if started && !errors.As(err, &usage) {
		return 1
	}
	fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	return 2
}

func newRoot(started *bool) *cobra.Command {
	root := newRun()
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	cobra.EnableCommandSorting = false
	root.PersistentPreRun = func(*cobra.Command, []string) { *started = true }
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetUsageTemplate(root.UsageTemplate() + "{{if not .HasParent}}" + environment + "{{end}}")
	root.AddCommand(newCompare(), newSSH())
	return root
}

// A usageError is a mistake in the command line that only the command can see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
