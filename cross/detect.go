package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/cross/detect"
)

// detectFlags are those of cross detect.
type detectFlags struct {
	root   string
	asJSON bool
}

func newDetect() *cobra.Command {
	var d detectFlags
	cmd := &cobra.Command{
		Use: "detect [PROGRAM...]", Short: "Tell which board this is and what to build for it",
		Long: `Tells which board this is, which build is the best for it, and why.

With programs named: whether these run here, by what the Go toolchain wrote into them. A Go program on a CPU
that lacks what it was built for mostly dies of an illegal instruction without a word; this says what is wrong.
So it does for C programs on 32-bit ARM. Exit status 1 if one of them does not run here.`,
		Example: `  go run ./cross detect
  go run ./cross detect --json
  go run ./cross detect dist/pi5/tism
  go run ./cross detect --root /mnt/rootfs`,
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.OutOrStdout(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&d.root, "root", "/", "directory with the machine's files: a copy of its /proc and /bin/sh")
	f.BoolVar(&d.asJSON, "json", false, "print JSON")
	return cmd
}

func (d detectFlags) run(w io.Writer, programs []string) error {
	r, err := detect.In(d.root)
	if err != nil {
		return err
	}
	verdicts, misfits, unknown := check(r, programs)
	switch {
	case d.asJSON:
		err = printDetectedJSON(w, r, verdicts)
	default:
		err = printDetected(w, r, verdicts)
	}
	switch {
	case err != nil:
	case misfits > 0:
		err = fmt.Errorf("%d of %d programs do not run here", misfits, len(programs))
	case unknown > 0:
		err = fmt.Errorf("of %d of %d programs it cannot be told whether they run here", unknown, len(programs))
	}
	return err
}

// A verdict is about one program; Problem is empty if it runs.
type verdict struct {
	Path    string `json:"path"`
	Problem string `json:"problem,omitempty"`
}

func check(r detect.Result, programs []string) (verdicts []verdict, misfits, unknown int) {
	for _, path := range programs {
		v := verdict{Path: path}
		if p, err := detect.ReadProgram(path); err != nil {
			v.Problem = err.Error()
			unknown++
		} else if err := r.Check(p); err != nil {
			v.Problem = err.Error()
			misfits++
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, misfits, unknown
}

func printDetectedJSON(w io.Writer, r detect.Result, verdicts []verdict) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Target   string         `json:"target"`
		Best     string         `json:"best"`
		Env      []string       `json:"env"` // for go build
		Why      []string       `json:"why,omitempty"`
		Machine  detect.Machine `json:"machine"`
		Programs []verdict      `json:"programs,omitempty"`
	}{r.Target.Name, r.Best.Name, r.Best.Env(), r.Why, r.Machine, verdicts})
}

func printDetected(w io.Writer, r detect.Result, verdicts []verdict) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	m := r.Machine
	if m.Model != "" {
		row("model", "%s", m.Model)
	}
	row("board", "%s (%s)", r.Target.Name, r.Target.Title)
	row("kernel", "%s, pages of %d bytes", m.Kernel, m.PageSize)
	row("system", "%s", m.System)
	if cores := coreNames(m.Parts); m.CPUs > 0 {
		row("CPUs", "%s", strings.TrimSpace(fmt.Sprint(m.CPUs, " ", cores)))
	}
	row("best build", "%s: %s", r.Best.Name, strings.Join(r.Best.Env(), " "))
	for _, why := range r.Why {
		row("note", "%s", why)
	}
	row("make it", "go run ./cross build %s", r.Best.Name)
	for _, v := range verdicts {
		row("program", "%s", cmp.Or(v.Problem, v.Path+" runs here"))
	}
	return t.Flush()
}

// coreNames are the table's names of cores; those that it does not have stay numbers.
func coreNames(parts []boards.Part) string {
	var names []string
	for _, p := range parts {
		name := fmt.Sprintf("implementer %#x part %#x", p.Implementer, p.Number)
		for _, b := range boards.All() {
			if len(b.Part) == 1 && slices.Contains(b.Part, p) {
				name = b.CPU
				break
			}
		}
		names = append(names, name)
	}
	return strings.Join(names, " and ")
}
