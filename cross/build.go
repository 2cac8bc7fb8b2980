package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
)

// A builder fills a directory with what boards need. It lives for one command.
type builder struct {
	out            string // directory of the results, absolute
	all            bool
	c, deb, python when

	log     io.Writer
	module  module
	built   map[string]programSet // by Go settings
	libs    map[string]*cLibrary  // C settings -> what they gave
	skipped map[string]bool       // said already
	temps   []string              // directories to remove in the end
	made    []artifact            // what stands in the directory of the results

	manualDir string // what the programs wrote about themselves
}

// when is the value of a switch: always, never or auto.
type when string

func (w *when) String() string { return string(*w) }
func (w *when) Type() string   { return "when" }
func (w *when) Set(s string) error {
	if s != "auto" && s != "always" && s != "never" {
		return errors.New("not auto, always or never")
	}
	*w = when(s)
	return nil
}

func newBuild() *cobra.Command {
	b := &builder{c: "auto", deb: "auto", python: "auto",
		built: map[string]programSet{}, libs: map[string]*cLibrary{}, skipped: map[string]bool{}}
	cmd := &cobra.Command{
		Use:   "build {BOARD... [PACKAGE...] | --all [PACKAGE...]}",
		Short: "Build for one board, several, or all",
		Long: `Builds static, stripped, reproducible programs into DIR/BOARD.

Without packages, in tism's own source tree: the tool, the hwtest suite, the examples and the C library; and with --all or
--deb=always, for the boards' architectures, Debian packages in DIR: tism (tool, suite, manual, completions, C header and static library,
examples) and libtism2 (the shared library). With --all or --python=always also Python wheels and python3-tism.

With packages (anything that starts with . or / or holds a dot or slash: ./cmd/autopilot, ./..., example.org/x/cmd/y): these,
from the module of the current directory.

DIR/sbom.cdx.json (CycloneDX) lists the files that this run made, with the Go modules and the C library in each, and
DIR/SHA256SUMS has the sums of all: 'sha256sum -c SHA256SUMS' checks a copy of DIR.

The same commit gives the same bytes in whatever directory. Dates in packages are the commit's, or SOURCE_DATE_EPOCH.`,
		Example: `  go run ./cross build pi5
  go run ./cross build pi5 pi-zero jetson-nano -o /tmp/fleet
  go run ./cross build bbb ./cmd/autopilot
  go run ./cross build pi4 --deb=always
  go run ./cross build --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b.log = cmd.OutOrStdout()
			return b.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&b.out, "output", "o", "dist", "directory of the results")
	f.BoolVar(&b.all, "all", false, "every board")
	f.Var(&b.c, "c", "the C library: always, never, or auto: where the compiler is installed")
	f.Var(&b.deb, "deb", "Debian packages: always, never, or auto: with --all")
	f.Var(&b.python, "python", "Python's packages: always, never, or auto: with --all where the tools for them are installed")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		for _, t := range boards.All() {
			names = append(names, cobra.CompletionWithDesc(t.Name, t.Title))
		}
		return names, cobra.ShellCompDirectiveDefault
	}
	return cmd
}

func (b *builder) run(ctx context.Context, args []string) error {
	defer func() {
		for _, dir := range b.temps {
			os.RemoveAll(dir)
		}
	}()
	targets, packages, err := b.targets(args)
	if err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if len(packages) == 0 && !b.module.own() {
		return usagef("which packages? Name them, as in 'cross build %s ./...': the module %s is not tism itself", targets[0].Name, b.module.Path)
	}
	start := time.Now()
	for _, t := range targets {
		if err := b.board(ctx, t, packages); err != nil {
			return b.explain(fmt.Errorf("building for %s: %w", t.Name, err))
		}
	}
	if len(packages) == 0 {
		if err := b.packages(ctx, targets); err != nil {
			return b.explain(err)
		}
	}
	if err := b.list(); err != nil {
		return b.explain(err)
	}
	fmt.Fprintf(b.log, "%d boards in %.1f s: %s\n", len(targets), time.Since(start).Seconds(), b.out)
	return nil
}

// targets sorts a command line into boards and packages.
func (b *builder) targets(args []string) (targets []boards.Target, packages []string, err error) {
	for _, a := range args {
		if isPackage(a) {
			packages = append(packages, a)
			continue
		}
		t, err := boards.Find(a)
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, t)
	}
	switch {
	case b.all && len(targets) > 0:
		return nil, nil, usagef("--all is every board; leave out %s", targets[0].Name)
	case b.all:
		targets = boards.All()
	case len(targets) == 0:
		return nil, nil, usagef("which board? Name one, or --all; 'cross list' shows them")
	}
	if len(packages) > 0 && (b.deb == "always" || b.python == "always") {
		return nil, nil, usagef("--deb=always and --python=always package tism itself; leave out %s", packages[0])
	}
	return targets, packages, nil
}

func isPackage(arg string) bool { return strings.ContainsAny(arg, "./\\") }

// prepare finds out all that can go wrong before anything is built.
func (b *builder) prepare(ctx context.Context) error {
	var err error
	if b.module, err = findModule(ctx); err != nil {
		return err
	}
	if b.out, err = filepath.Abs(b.out); err != nil {
		return fmt.Errorf("finding the directory of the results: %w", err)
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return b.explain(fmt.Errorf("making the directory of the results: %w", err))
	}
	probe, err := os.CreateTemp(b.out, ".probe-")
	if err != nil {
		return b.explain(fmt.Errorf("writing to the directory of the results: %w", err))
	}
	probe.Close()
	os.Remove(probe.Name())
	return nil
}

// temp makes a directory that lasts until the command ends.
func (b *builder) temp() (string, error) {
	dir, err := os.MkdirTemp("", "tism-cross-")
	if err == nil {
		b.temps = append(b.temps, dir)
	}
	return dir, err
}

// explain adds the way out to errors that have one.
func (b *builder) explain(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, errReadOnly):
		return fmt.Errorf("%w: choose a directory that you may write to with -o DIR", err)
	case errors.Is(err, errNoSpace), strings.Contains(err.Error(), "no space left on device"):
		return fmt.Errorf("%w: make room, or choose another disk with -o DIR (and GOTMPDIR and GOCACHE, where Go builds)", err)
	case strings.Contains(err.Error(), "dial tcp"), strings.Contains(err.Error(), "GOPROXY=off"):
		return fmt.Errorf("%w: modules are fetched once: run 'go mod download' with a network, or set GOPROXY to a mirror", err)
	case errors.Is(err, errNotDirectory), errors.Is(err, os.ErrExist):
		return fmt.Errorf("%w: there is a file in the way; choose another directory with -o DIR", err)
	}
	return err
}

// skip says once what is left out and how to get it.
func (b *builder) skip(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !b.skipped[text] {
		b.skipped[text] = true
		fmt.Fprintf(b.log, "skipped: %s\n", text)
	}
}

// board builds what one board gets.
func (b *builder) board(ctx context.Context, t boards.Target, packages []string) error {
	start := time.Now()
	dir := filepath.Join(b.out, t.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names, err := b.programs(ctx, t, dir, packages)
	if err != nil {
		return err
	}
	for _, name := range names {
		b.add(artifact{path: t.Name + "/" + filepath.ToSlash(name), programs: []string{filepath.Join(dir, name)}})
	}
	if len(packages) == 0 && b.c != "never" {
		lib, err := b.library(ctx, t.C)
		if err != nil {
			return err
		}
		if lib != nil {
			files, err := lib.install(dir)
			if err != nil {
				return err
			}
			for _, file := range files {
				b.add(artifact{path: t.Name + "/" + file, lib: lib})
			}
			names = append(names, "lib")
		}
	}
	fmt.Fprintf(b.log, "%-17s %-18s %5.1f s  %s\n", t.Name, t.Build(), time.Since(start).Seconds(), strings.Join(names, " "))
	return nil
}
