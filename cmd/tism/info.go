package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

type infoCommand struct {
	json, watch bool
}

func newInfo() *cobra.Command {
	var c infoCommand
	cmd := &cobra.Command{
		Use:   "info NAME",
		Short: "Show all about a topic, its newest value included",
		Long: `Show all that there is to know of a topic: publisher, consumers, layout, and the newest
value, field by field. The topic describes its own type, so this works for any. Opaque
bytes are shown as a hex dump, MessagePack as JSON.

The topic is opened for reading only: nobody is disturbed, and no consumer slot is taken.

With --json, fields are keys by the names in the topic, arrays are arrays, not-a-number and
infinities are null, and opaque bytes are base64.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: firstTopic,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.run(cmd.OutOrStdout(), args[0])
		},
	}
	cmd.Flags().BoolVar(&c.json, "json", false, "print JSON, with --watch one line for each value")
	cmd.Flags().BoolVarP(&c.watch, "watch", "w", false, "show each new value, until Ctrl-C")
	return cmd
}

func firstTopic(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeTopic(cmd, args, begun)
}

func (c infoCommand) run(out io.Writer, name string) error {
	if c.watch {
		return c.follow(out, name)
	}
	in, err := shm.OpenBytes(name, shm.ReadOnly(), shm.AllowClosed())
	if err != nil {
		return err
	}
	defer in.Close()
	t, err := look(in)
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(out, t.describe())
	}
	_, err = io.WriteString(out, t.text())
	return err
}

// look takes everything that is known of a topic at this moment.
func look(in *shm.BytesConsumer) (topic, error) {
	t := topic{}
	t.value, t.unread = in.Read()
	t.Info = in.Info()
	var err error
	t.Status, err = shm.Stat(in.Name())
	return t, err
}

// refresh is the shortest time between two pictures: more often than that nobody can
// read them.
const refresh = 50 * time.Millisecond

// follow shows each new value, until the topic is gone or the user has seen enough.
func (c infoCommand) follow(out io.Writer, name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	in, err := shm.OpenBytes(name, shm.ReadOnly(), shm.AllowClosed())
	if err != nil {
		return err
	}
	defer in.Close()
	show, done := c.shower(out)
	defer done()
	for {
		t, err := look(in)
		if err == nil {
			err = show(t)
		}
		if err == nil {
			err = c.pause(ctx, in)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pause sleeps until there is a new value, or a new publisher where the old one has
// closed the topic.
func (c infoCommand) pause(ctx context.Context, in *shm.BytesConsumer) error {
	if !c.json {
		select {
		case <-ctx.Done():
		case <-time.After(refresh):
		}
	}
	err := in.Wait(ctx)
	if errors.Is(err, shm.ErrClosed) {
		return in.WaitPublisher(ctx)
	}
	return err
}

// shower returns how to show a topic again and again, and what to do in the end.
func (c infoCommand) shower(out io.Writer) (show func(topic) error, done func()) {
	if c.json {
		return func(t topic) error { return printJSONLine(out, t.describe()) }, func() {}
	}
	if f, ok := out.(*os.File); ok && term.Is(f) {
		screen := term.NewScreen(f)
		return func(t topic) error { return screen.Draw(strings.Split(t.text(), "\n")) }, screen.Close
	}
	return func(t topic) error {
		_, err := fmt.Fprintln(out, t.text())
		return err
	}, func() {}
}
