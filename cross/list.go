package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
)

func newList() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list [BOARD...]", Short: "Show the boards and what each is built with",
		Long: `Shows the boards, or with names those boards in full: the Go build line, the C compiler, what stands in for
the board under QEMU, and what to know about it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			all := boards.All()
			if len(args) > 0 {
				all = nil
			}
			for _, name := range args {
				t, err := boards.Find(name)
				if err != nil {
					return err
				}
				all = append(all, t)
			}
			w := cmd.OutOrStdout()
			switch {
			case asJSON:
				enc := json.NewEncoder(w)
				enc.SetIndent("", "  ")
				return enc.Encode(all)
			case len(args) > 0:
				return describe(w, all)
			}
			return listAll(w, all)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "the whole table, as JSON")
	return cmd
}

func listAll(w io.Writer, all []boards.Target) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "BOARD\tWHAT\tGO\tCPU\tPAGES\tDEBIAN")
	for _, t := range all {
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.Title, goWords(t), t.CPU, pages(t), t.Debian)
	}
	return tab.Flush()
}

func describe(w io.Writer, all []boards.Target) error {
	for i, t := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", t.Name, t.Title)
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "  %-9s %s\n", name, value)
			}
		}
		line("aliases", strings.Join(t.Aliases, ", "))
		line("go", t.GoBuild())
		line("c", strings.Join(append([]string{t.C.Compiler()}, t.C.Flags...), " "))
		line("", "apt-get install "+t.C.Package)
		line("cpu", t.CPU)
		line("pages", pages(t))
		line("debian", t.Debian)
		if t.User != nil {
			line("emulated", strings.Join(t.User.Command(), " "))
		}
		for _, s := range t.Systems {
			line("booted", strings.TrimSpace(fmt.Sprintf("%s -M %s -cpu %s, kernel %s", s.Program, s.Machine, orElse(s.CPU, "(its own)"), s.Kernel.Name)))
		}
		for _, n := range t.Notes {
			line("note", n)
		}
	}
	return nil
}

func goWords(t boards.Target) string {
	return strings.Join(append([]string{t.GOARCH}, t.Settings()...), " ")
}

func pages(t boards.Target) string {
	words := make([]string, len(t.PageSizes))
	for i, p := range t.PageSizes {
		words[i] = fmt.Sprintf("%dK", p/1024)
	}
	return strings.Join(words, ", ")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
