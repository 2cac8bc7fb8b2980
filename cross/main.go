// Command cross builds tism, and programs that use it, for the boards of package
// boards: static, stripped, and the same bytes from the same commit wherever it runs.
// "go run ./cross help" tells what it can do.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
)

const about = `cross builds for every board: the tism tool, the hwtest suite, the examples, the C
library; or, with packages named, your own programs.

  go run ./cross list                      the boards, and what each is built with
  go run ./cross build pi5                 everything for one board, into dist/pi5
  go run ./cross build pi5 ./cmd/autopilot a program of yours, into dist/pi5
  go run ./cross build --all -o dist/      everything for every board
  go run ./cross detect                    which board this is, and what to build for it

From your own module, without a copy of tism's sources:

  go run github.com/tism-go/tism/cross@latest build pi5 ./...`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs a command line and returns its exit status: 0 done, 1 failed, 2 wrong usage.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	started := false
	root := &cobra.Command{
		Use: "cross", Short: "Builds tism for every board", Long: about,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { started = true },
	}
	cobra.EnableCommandSorting = false
	root.AddCommand(newList(), newBuild(), newDetect())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "cross: %v\n", err)
	var usage usageError
	if errors.Is(err, boards.ErrUnknown) {
		fmt.Fprintln(stderr, "'go run ./cross list' shows all boards.")
		return 2
	}
	if !started || errors.As(err, &usage) {
		fmt.Fprintf(stderr, "Run '%s --help' for usage.\n", cmd.CommandPath())
		return 2
	}
	return 1
}

// A usageError is a mistake in the command line that only the command can see.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
