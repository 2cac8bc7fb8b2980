package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/shm"
)

type rmCommand struct{ force bool }

func newRm() *cobra.Command {
	var c rmCommand
	cmd := &cobra.Command{
		Use:     "rm NAME...",
		Aliases: []string{"remove"},
		Short:   "Remove topics",
		Long: `Remove topics. A topic that has a live publisher or consumers is refused, unless
forced: all of them learn then that it was removed. What is not a topic is never
removed.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeTopic,
		RunE:              func(_ *cobra.Command, names []string) error { return c.run(names) },
	}
	cmd.Flags().BoolVarP(&c.force, "force", "f", false, "remove topics that are in use, too")
	return cmd
}

func (c rmCommand) run(names []string) error {
	remove := shm.Remove
	if c.force {
		remove = shm.RemoveForced
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, hinted(remove(name)))
	}
	return errors.Join(errs...)
}

// hinted adds what to do about an error, in terms of this command.
func hinted(err error) error {
	if errors.Is(err, shm.ErrInUse) {
		return fmt.Errorf("%w (--force removes it all the same)", err)
	}
	return err
}
