// Command tism looks at topics in shared memory and demonstrates them. "tism help"
// tells what it can do.
//
// Each subcommand is a file of this package: a struct whose fields are the flags, a
// method run, and a function that makes the cobra command of it. A new one joins by
// its line in newRoot.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/shm"
)

const about = `tism looks at topics in shared memory, and demonstrates them.

A topic is a named segment of shared memory with the newest value of one type. One
process publishes it, any number of others read it.`

const environment = `
Environment:
  TISM_DIR    the directory of the topics (default /dev/shm)

A long flag may be written with one dash: -json is --json.

Exit status:
  0  done
  1  failed
  2  wrong usage
`

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// execute runs a command line and returns its exit status.
func execute(args []string, stdout, stderr io.Writer) int {
	started := false
	root := newRoot(&started)
	root.SetArgs(doubleDashes(root, args))
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "tism: %s\n", strings.TrimPrefix(err.Error(), "tism: "))
	// What cobra finds wrong by itself, it finds before the command starts.
	if started && !isUsage(err) {
		return 1
	}
	fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
	return 2
}

// doubleDashes lets long flags be written with one dash, as Go's own tools have them:
// -duration is --duration. pflag alone would take it for -d with the value "uration".
func doubleDashes(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	out := slices.Clone(args)
	for i, arg := range out {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && len(name) > 1 && isLongFlag(cmd, name) {
			out[i] = "-" + arg
		}
	}
	return out
}

func isLongFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil || cmd.InheritedFlags().Lookup(name) != nil || name == "help" || name == "version"
}

func newRoot(started *bool) *cobra.Command {
	root := &cobra.Command{
		Use:           "tism",
		Short:         "Topics in shared memory",
		Long:          about,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			*started = true
			return supported(cmd)
		},
	}
	cobra.EnableCommandSorting = false
	root.SetUsageTemplate(root.UsageTemplate() + "{{if not .HasParent}}" + environment + "{{end}}")
	root.AddCommand(newDemo(), newDemoPart(), newLs(), newInfo(), newRm(), newGen())
	return root
}

// supported refuses what can only fail elsewhere than on Linux.
func supported(cmd *cobra.Command) error {
	if runtime.GOOS == "linux" || cmd.Parent().Name() == "completion" || cmd.Name() == "gen" {
		return nil
	}
	return fmt.Errorf("running %s: %w: topics need Linux", cmd.Name(), errors.ErrUnsupported)
}

// A usageError is a mistake in the command line that only the command can see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || errors.Is(err, shm.ErrName)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// completeTopic completes an argument that is a topic's name.
func completeTopic(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	list, _ := shm.List() // whatever is wrong, the command will say it
	names := make([]cobra.Completion, len(list))
	for i, s := range list {
		names[i] = cobra.CompletionWithDesc(s.Name, typeTitle(s))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
