package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cmd/tism/internal/demo"
)

func newDemo() *cobra.Command {
	var d demo.Demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch topics at work on this machine's own sensors",
		Long: `Start a few processes that live on topics, and watch them.

  board      samples the sensors of this machine: CPU load, memory, network,
             temperatures and an IIO sensor, as far as there are any, and publishes
             them on one topic
  estimator  consumes that topic, filters it, and publishes the result on another
  monitor    shows both: rate, age, latency from publish to receipt, and what it missed

In the middle the estimator is killed with SIGKILL while it holds a half written value,
and started again: the others carry on, and its successor takes the topic over.

The topics have names of their own, and are removed in the end, Ctrl-C included.

Without a terminal, lines are printed. They end with a summary; exit status 0 means that
all that it speaks of was seen to hold.

Environment:
  TISM_EXEC_PREFIX  words to put before the command line of each process, for example
                    "qemu-arm"`,
		Example: "  tism demo --duration 30s\n  tism demo --plain | grep estimate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkDemo(d); err != nil {
				return err
			}
			return d.Run(os.Stdout)
		},
	}
	cmd.Flags().DurationVarP(&d.Duration, "duration", "d", 10*time.Second, "how long, at least 1s; 0 goes on until Ctrl-C")
	cmd.Flags().IntVarP(&d.Rate, "rate", "r", 50, "samples per second, 1 to 1000")
	cmd.Flags().BoolVar(&d.Plain, "plain", false, "print lines, on a terminal too")
	return cmd
}

func checkDemo(d demo.Demo) error {
	switch {
	case d.Duration != 0 && d.Duration < time.Second:
		return usagef("--duration %v: at least 1s, or 0", d.Duration)
	case d.Rate < 1 || d.Rate > 1000:
		return usagef("--rate %d: 1 to 1000", d.Rate)
	}
	return nil
}

// newDemoPart makes the command that runs one process of a demo.
func newDemoPart() *cobra.Command {
	var p demo.Part
	cmd := &cobra.Command{
		Use:    demo.PartCommand + " ROLE",
		Short:  "Be one process of a demo",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p.Role = args[0]
			return p.Run(os.Stdin, os.Stdout)
		},
	}
	p.Flags(cmd.Flags())
	return cmd
}
