package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/internal/remote"
)

type ssh struct {
	ssh, scp, binary, report string
}

func newSSH() *cobra.Command {
	s := &ssh{}
	cmd := &cobra.Command{
		Use:   "ssh [USER@]HOST [-- ARGUMENTS]",
		Short: "Run hwtest on a board and fetch its report",
		Long: `ssh asks the board what it is, takes the right binary (hwtest-TARGET beside this one, else built with
Go), copies it, runs it with the arguments after --, fetches the report, and removes what it copied.
Exit status is that of the run.`,
		Example: `  hwtest ssh pi@flight
  hwtest ssh --ssh 'ssh -p 2222' --scp 'scp -P 2222' pi@flight -- --soak 1h`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return s.main(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&s.ssh, "ssh", "ssh", "the command to log in with")
	f.StringVar(&s.scp, "scp", "scp", "the command to copy with")
	f.StringVar(&s.binary, "binary", "", "the binary to run on the board")
	f.StringVar(&s.report, "report", "", "where to put the report (default hwtest-HOST-TIME.json)")
	return cmd
}

func (s *ssh) main(cmd *cobra.Command, args []string) error {
	if dash := cmd.ArgsLenAtDash(); dash > 1 || dash == -1 && len(args) > 1 {
		return usagef("one host, then -- and the arguments for the board")
	}
	if s.report == "" {
		_, host, ok := strings.Cut(args[0], "@")
		if !ok {
			host = args[0]
		}
		s.report = "hwtest-" + host + "-" + time.Now().Format("20060102-150405") + ".json"
	}
	if strings.HasPrefix(args[0], "-") || len(strings.Fields(s.ssh)) == 0 || len(strings.Fields(s.scp)) == 0 {
		return usagef("%q is no host, or --ssh or --scp is empty", args[0])
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := remote.Run{
		Host: args[0], SSH: strings.Fields(s.ssh), SCP: strings.Fields(s.scp), Args: args[1:], Binary: s.binary, Report: s.report,
		Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(),
	}
	err := r.Do(ctx)
	var exit *exec.ExitError
	if _, missing := os.Stat(s.report); errors.As(err, &exit) && exit.ExitCode() == 1 && missing == nil {
		return errFailed // the board's own words were printed
	}
	return err
}
