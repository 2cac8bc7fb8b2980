package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/internal/report"
	"github.com/tism-go/tism/internal/term"
)

type compare struct {
	tolerance float64
	all       bool
}

func newCompare() *cobra.Command {
	c := &compare{}
	cmd := &cobra.Command{
		Use:   "compare BEFORE.json NOW.json",
		Short: "Compare two runs, or two boards",
		Long: `compare shows which tests and figures of the second report are worse or better than those of
the first. Exit status 1 means that something got worse. Extremes (max, p99.9, longest) are shown
with --all and never judged.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return c.main(cmd, args) },
	}
	cmd.Flags().Float64Var(&c.tolerance, "tolerance", 30, "how many per cent a figure may differ")
	cmd.Flags().BoolVar(&c.all, "all", false, "show what is the same, too")
	return cmd
}

func (c *compare) main(cmd *cobra.Command, args []string) error {
	if c.tolerance < 0 {
		return usagef("--tolerance %g: must not be negative", c.tolerance)
	}
	before, err := report.Load(args[0])
	if err != nil {
		return err
	}
	now, err := report.Load(args[1])
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	paint := term.Paint(false)
	if f, ok := out.(*os.File); ok && term.Is(f) {
		paint = term.Colours()
	}
	worse, err := report.PrintChanges(out, before, now, report.Compare(before, now, c.tolerance/100), c.all, paint)
	if err == nil && worse > 0 {
		err = errFailed
	}
	return err
}
