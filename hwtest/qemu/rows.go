package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/hwtest/qemu/internal/machine"
)

// A row is one machine of the matrix.
type row struct {
	target boards.Target
	system *boards.System // nil: qemu-user
	// refuses is what the machine must say to a program that was built for another board
	// than its own; empty: everything must run.
	refuses []string
	build   boards.Target // what programs are built for
}

func (r row) name() string {
	name := r.target.Name + "/user"
	if r.system != nil {
		name = r.target.Name + "/" + r.system.Name
	}
	if len(r.refuses) > 0 {
		name += " refuses " + r.build.Build()
	}
	return name
}

// kind is the same for rows that run the same bytes on the same machine.
func (r row) kind() string {
	if r.system == nil {
		return fmt.Sprint(r.build.Build(), " ", r.target.User.CPU, " ", len(r.refuses))
	}
	return fmt.Sprint(r.build.Build(), " ", r.system.Machine, " ", r.system.CPU, " ", r.system.Kernel.Name)
}

func (r row) title() string {
	if r.system == nil {
		return strings.Join(r.target.User.Command(), " ")
	}
	words := []string{r.system.Program, "-M", r.system.Machine}
	if r.system.CPU != "" {
		words = append(words, "-cpu", r.system.CPU)
	}
	return strings.Join(append(words, "kernel", r.system.Kernel.Name), " ")
}

// emulator says what to install if the machine's emulator is missing.
func (r row) emulator() error {
	program, pkg := r.target.User.Program, machine.UserPackage
	if r.system != nil {
		program, pkg = r.system.Program, r.system.Package
	}
	_, err := machine.Find(program, pkg)
	return err
}

func rowsOf(t boards.Target) (rows []row) {
	if t.User != nil {
		rows = append(rows, row{target: t, build: t})
	}
	for i := range t.Systems {
		rows = append(rows, row{target: t, build: t, system: &t.Systems[i]})
	}
	return rows
}

// negatives must not run, and must say why.
func negatives() []row {
	nano, pi4, lse, v81 := mustFind("jetson-nano"), mustFind("pi4"), mustFind("arm64"), mustFind("arm64")
	zero, v7 := mustFind("pi-zero"), mustFind("armv7")
	lse.GOARM64, v81.GOARM64 = "v8.0,lse", "v8.1"
	return []row{
		{target: nano, build: lse, refuses: []string{"SIGILL", "illegal instruction", "LSE"}},
		{target: pi4, build: v81, refuses: []string{"SIGILL", "illegal instruction", "LSE"}},
		{target: zero, build: v7, refuses: []string{"SIGILL", "illegal instruction", "GOARM"}},
	}
}

// ordinary are the machines that stand for all others, one of each kind.
var ordinary = []string{"pi4/user", "armv7/user", "pi-zero/user", "riscv64/user",
	"arm64/virt", "pi5/16k", "arm64/rt", "armv7/armv7", "armv7/compat", "pi-zero/raspi0", "pi3/raspi3b", "riscv64/riscv64"}

func mustFind(name string) boards.Target {
	t, err := boards.Find(name)
	if err != nil {
		panic(err) // a name in this file, which a test tries
	}
	return t
}

// choose are the rows for a command line's words.
func choose(words []string, all, user, system bool) (rows []row, err error) {
	switch {
	case all && len(words) > 0:
		return nil, usagef("--all and %q: choose one", words)
	case user && system:
		return nil, usagef("--user and --system exclude each other; leave both out for both")
	case all:
		for _, t := range boards.All() {
			rows = append(rows, rowsOf(t)...)
		}
		rows = distinct(append(rows, negatives()...))
	case len(words) == 0:
		words = ordinary
		rows = negatives()
	}
	for _, w := range words {
		some, err := named(w)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	rows = slices.DeleteFunc(rows, func(r row) bool { return user && r.system != nil || system && r.system == nil })
	if len(rows) == 0 {
		return nil, usagef("nothing stands in for %q with these flags; 'go run ./hwtest/qemu list' shows what there is (on a PC's own architecture: go test ./...)", words)
	}
	slices.SortStableFunc(rows, func(a, b row) int { return order(a) - order(b) })
	return rows, nil
}

// order puts what is quick first.
func order(r row) int {
	if r.system == nil {
		return 0
	}
	return 1
}

func named(word string) ([]row, error) {
	board, machine, one := strings.Cut(word, "/")
	t, err := boards.Find(board)
	if err != nil {
		return nil, usageError{err}
	}
	rows := rowsOf(t)
	if !one {
		return rows, nil
	}
	var have []string
	for _, r := range rows {
		if r.name() == t.Name+"/"+machine {
			return []row{r}, nil
		}
		have = append(have, r.name())
	}
	return nil, usagef("%s has no machine %q; it has %s", t.Name, machine, strings.Join(have, ", "))
}

func distinct(rows []row) (kept []row) {
	seen := map[string]bool{}
	for _, r := range rows {
		if !seen[r.kind()] {
			kept = append(kept, r)
		}
		seen[r.kind()] = true
	}
	return kept
}

func newList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the machines",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MACHINE\tBOARD\tBUILD\tEMULATOR")
			for _, t := range boards.All() {
				for _, r := range rowsOf(t) {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.name(), t.Title, r.build.Build(), r.title())
				}
			}
			return w.Flush()
		},
	}
}
