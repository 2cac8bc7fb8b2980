// Command qemu runs the library's tests on emulated boards: under qemu-user, and on Linux
// kernels that qemu-system boots. Start it from within the module:
//
//	go run ./hwtest/qemu pi4 pi5
//	go run ./hwtest/qemu --all
//	go build -o /tmp/qemu ./hwtest/qemu
//	GOARCH=arm64 go test -exec '/tmp/qemu exec arm64/16k --' ./shm
//
// QEMU on an x86-64 host gives x86's strong memory order whatever it emulates. A green run
// proves system calls, layout, alignment, page size and logic, never ordering on ARM.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
)

const about = `Runs the tests on emulated boards, and prints a table of machines and tests.

A machine is BOARD/user (qemu-user: the board's CPU on this kernel) or BOARD/SYSTEM (a
kernel that qemu-system boots, such as arm64/16k). BOARD alone means all of its machines.
Without arguments: one machine of each kind. 'list' shows them all.

Kernels are Debian's packages. They are fetched once, without root, and kept in the cache.
Logs are kept in the directory that the last line names.`

const examples = `  go run ./hwtest/qemu                    one machine of each kind
  go run ./hwtest/qemu pi5 jetson-nano    all that stands in for these boards
  go run ./hwtest/qemu arm64/16k          one machine
  go run ./hwtest/qemu --all --user       every board under qemu-user
  go run ./hwtest/qemu exec --help        one program, or the wrapper for go test -exec`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// An exitError ends the command with a status and says nothing more.
type exitError int

func (e exitError) Error() string { return fmt.Sprint("exit status ", int(e)) }

// A usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// execute runs a command line and returns its exit status: 1 for a test that fails, 2 for
// what could not be tried.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintln(stderr, "qemu:", err)
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stderr, "Run 'go run ./hwtest/qemu --help' for usage.")
	}
	return 2
}

func newRoot() *cobra.Command {
	var m matrix
	root := &cobra.Command{
		Use:           "qemu [BOARD | BOARD/SYSTEM]...",
		Short:         "Run the tests on emulated boards",
		Long:          about,
		Example:       examples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if runtime.GOOS != "linux" {
				return fmt.Errorf("%w: emulation needs Linux; use the Docker image", errors.ErrUnsupported)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m.out = cmd.OutOrStdout()
			return m.run(cmd.Context(), args)
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.Flags()
	f.BoolVar(&m.all, "all", false, "every machine of every board")
	f.BoolVar(&m.user, "user", false, "only those under qemu-user")
	f.BoolVar(&m.system, "system", false, "only booted kernels")
	f.StringVar(&m.only, "run", "", "only these `PROGRAMS`, with commas between: futex,shm,codec,hwtest,mixed")
	f.StringVar(&m.logs, "logs", "", "keep the logs in `DIR` (default: a new one below the system's temporary directory)")
	f.DurationVar(&m.timeout, "timeout", defaultTimeout, "for each program on a machine")
	store := &m.cache
	p := root.PersistentFlags()
	p.StringVar(&store.Dir, "cache", os.Getenv("TISM_QEMU_CACHE"), "keep kernels in `DIR` ($TISM_QEMU_CACHE; default: tism in the user's cache directory)")
	p.StringVar(&store.Mirror, "mirror", os.Getenv("TISM_DEBIAN_MIRROR"), "fetch kernels from the Debian archive at `URL` ($TISM_DEBIAN_MIRROR; default: this host's)")
	root.AddCommand(newList(), newExec(store), newKernels(store))
	return root
}

func withDir(c *kernels.Cache) error {
	if c.Dir != "" {
		return nil
	}
	dir, err := kernels.DefaultDir()
	c.Dir = dir
	return err
}
