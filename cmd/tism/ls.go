package main

import (
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

type lsCommand struct{ json bool }

func newLs() *cobra.Command {
	var c lsCommand
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the topics",
		Long: `List the topics: type, number of buffers, publisher, consumers, writes since the
publisher started, and the age of the newest value.

The publisher is "alive", has "closed" the topic, or "died" without doing so; that is
the kernel's word. PID and command are what the process said of itself. A consumer
that only has read permission is not counted. A file with another layout version, or
without read permission, is listed with that error. Nobody is disturbed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().BoolVar(&c.json, "json", false, "print a JSON array, times in nanoseconds")
	return cmd
}

func (c lsCommand) run(out io.Writer) error {
	list, err := shm.List()
	switch {
	case err != nil:
		return err
	case c.json:
		return printJSON(out, describeAll(list))
	case len(list) == 0:
		_, err = fmt.Fprintf(out, "no topics in %s\n", shm.Dir())
		return err
	}
	return listTable(list).Print(out)
}

func listTable(list []shm.Status) *term.Table {
	t := new(term.Table)
	t.Row("NAME", "TYPE", "BUFFERS", "PUBLISHER", "CONSUMERS", "WRITES", "AGE")
	t.Right(2, 4, 5, 6)
	for _, s := range list {
		if s.Err != nil {
			t.Text(s.Name, "error: "+cause(s.Err))
			continue
		}
		t.Row(s.Name, typeTitle(s), strconv.Itoa(s.Buffers), publisherText(s),
			strconv.Itoa(len(s.Consumers)), strconv.FormatUint(s.Writes, 10), ageText(s.Age))
	}
	return t
}
