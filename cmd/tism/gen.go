package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cmd/tism/internal/gen"
	"github.com/tism-go/tism/shm"
)

type genCommand struct {
	pkg, tags               string
	c, python, rust, goFile string
	text, json              string
	prefix                  string
	goPackage               string
	topic                   string
	check                   bool
}

func newGen() *cobra.Command {
	var c genCommand
	cmd := &cobra.Command{
		Use:   "gen [TYPE...]",
		Short: "Write a Go struct in C, Python and Rust",
		Long: `Write Go structs as a C header, a Python module and a Rust module: the same bytes, with all
padding explicit, sizes and offsets checked by each compiler, and the descriptor that topics
compare. One Go file stays the source of truth.

Without an output, print the descriptors and the layouts. FILE may be - for standard output.
Under go generate and without TYPE, the type that is declared next is meant.

Name types that share a struct together, so that one file has them all. In a module of your own,
"go get -tool github.com/tism-go/tism/cmd/tism" makes it "go tool tism gen".

Fields can be bools, sized numbers, structs, and arrays of those; their names become
snake_case, or what a tag says (` + "`tism:\"name\"`" + `). Whatever else there is, is an error that
names the field. So is a struct whose 64-bit fields 32-bit Go would place elsewhere: the
error shows the struct with the padding that it needs.

--from-topic takes the type from the descriptor of a topic that exists, whatever language
its publisher is in, and --go writes it in Go.`,
		Example: `  tism gen --c attitude.h --python attitude.py --rust attitude.rs Attitude
  tism gen --package ./telemetry Attitude Battery
  tism gen --c attitude.h --check Attitude        # in CI: fails if the file is not up to date
  tism gen --from-topic attitude --python -

  //go:generate go run github.com/tism-go/tism/cmd/tism gen --c attitude.h --python attitude.py
  type Attitude struct {`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.OutOrStdout(), args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&c.c, "c", "", "write a C11 and C++ `FILE`")
	f.StringVar(&c.python, "python", "", "write a Python `FILE`")
	f.StringVar(&c.rust, "rust", "", "write a Rust `FILE`")
	f.StringVar(&c.text, "text", "", "write descriptors and layouts to `FILE`")
	f.StringVar(&c.json, "json", "", "write descriptors and fields as JSON to `FILE`")
	f.StringVar(&c.pkg, "package", ".", "Go `PACKAGE` that has the types, as a path or directory")
	f.StringVar(&c.tags, "tags", "", "Go build `TAGS`, separated by commas")
	f.StringVar(&c.prefix, "c-prefix", "", "`PREFIX` of all names in C")
	f.BoolVar(&c.check, "check", false, "write nothing, fail if a file is not what would be written")
	f.StringVar(&c.topic, "from-topic", "", "take the type from the topic `NAME`; TYPE renames it")
	f.StringVar(&c.goFile, "go", "", "with --from-topic: write a Go `FILE`")
	f.StringVar(&c.goPackage, "go-package", "", "package `NAME` of the Go file (default: its directory's)")
	return cmd
}

func (c genCommand) run(out io.Writer, types []string) error {
	if err := c.validate(types); err != nil {
		return err
	}
	o, err := c.load(types)
	if err != nil {
		return err
	}
	any := false
	for _, w := range []struct {
		file  string
		write func(gen.Output) ([]byte, error)
	}{
		{c.c, gen.C}, {c.python, gen.Python}, {c.rust, gen.Rust}, {c.goFile, c.writeGo}, {c.text, gen.Text}, {c.json, gen.JSON},
	} {
		if w.file == "" {
			continue
		}
		any = true
		if err := c.write(out, w.file, o, w.write); err != nil {
			return err
		}
	}
	if !any {
		return c.write(out, "-", o, gen.Text)
	}
	return nil
}

func (c genCommand) validate(types []string) error {
	switch {
	case c.topic != "" && len(types) > 1:
		return usagef("a topic has one type: give at most one name for it")
	case c.topic == "" && c.goFile != "":
		return usagef("--go is for --from-topic: the types are in Go already")
	case c.check && c.c+c.python+c.rust+c.goFile+c.text+c.json == "":
		return usagef("--check needs a file to check, such as --c FILE")
	}
	return nil
}

func (c genCommand) load(types []string) (gen.Output, error) {
	if c.topic != "" {
		return c.loadTopic(types)
	}
	src := gen.Source{Package: c.pkg, Tags: c.tags, Types: types}
	// A bare directory is meant as one, not as a package of the standard library.
	if info, err := os.Stat(c.pkg); err == nil && info.IsDir() && !filepath.IsAbs(c.pkg) {
		src.Package = "./" + filepath.ToSlash(c.pkg)
	}
	src.Directive.File = os.Getenv("GOFILE")
	src.Directive.Line, _ = strconv.Atoi(os.Getenv("GOLINE")) // 0 without go generate
	roots, origin, err := gen.Load(src)
	if errors.Is(err, gen.ErrNoType) {
		return gen.Output{}, usageError{err}
	}
	return gen.Output{Roots: roots, Origin: "From Go package " + origin + ".", Prefix: c.prefix}, err
}

func (c genCommand) loadTopic(names []string) (gen.Output, error) {
	s, err := shm.Stat(c.topic)
	if err == nil {
		err = s.Err
	}
	if err != nil {
		return gen.Output{}, err
	}
	root, err := gen.FromTopic(s.Type, strings.Join(names, ""))
	if err != nil {
		return gen.Output{}, fmt.Errorf("topic %s: %w", c.topic, err)
	}
	return gen.Output{Roots: []*gen.Struct{root}, Origin: fmt.Sprintf("From the descriptor of topic %q.", c.topic), Prefix: c.prefix}, nil
}

func (c genCommand) writeGo(o gen.Output) ([]byte, error) {
	pkg := c.goPackage
	if pkg == "" {
		dir, err := filepath.Abs(filepath.Dir(c.goFile))
		if err != nil {
			return nil, err
		}
		pkg = filepath.Base(dir)
	}
	return gen.Go(o, pkg)
}

func (c genCommand) write(out io.Writer, file string, o gen.Output, make func(gen.Output) ([]byte, error)) error {
	if file != "-" {
		o.File = filepath.Base(file)
	}
	text, err := make(o)
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := out.Write(text)
		return err
	}
	old, err := os.ReadFile(file)
	if err == nil && bytes.Equal(old, text) {
		return nil // and make(1) sees no news
	}
	if c.check {
		return fmt.Errorf("checking %s: it is not up to date: run tism gen (or go generate) again", file)
	}
	if err := os.WriteFile(file, text, 0o666); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}
