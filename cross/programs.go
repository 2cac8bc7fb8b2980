package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

const ownPath = "github.com/tism-go/tism"

// A module is the one that a command builds from.
type module struct{ Path, Dir string }

func (m module) own() bool { return m.Path == ownPath }

// findModule finds the module of the current directory.
func findModule(ctx context.Context) (module, error) {
	if _, err := exec.LookPath("go"); err != nil {
		return module{}, fmt.Errorf("finding the go command: %w: install Go 1.26 or later and put it into PATH", err)
	}
	out, err := command(ctx, "", nil, "go", "list", "-m", "-json")
	if err != nil {
		return module{}, fmt.Errorf("finding the module: %w: run it in a directory with a go.mod ('go mod init' makes one)", err)
	}
	var m module
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&m); err != nil || m.Dir == "" {
		return module{}, errors.New("finding the module: not in one: run it in a directory with a go.mod ('go mod init' makes one)")
	}
	return m, nil
}

// A programSet is what one Go build made: files under a board's directory.
type programSet struct {
	dir   string
	names []string
}

// programs builds Go programs for a board and returns their names.
func (b *builder) programs(ctx context.Context, t boards.Target, dir string, packages []string) ([]string, error) {
	if set, ok := b.built[t.Build()]; ok {
		return set.names, set.link(dir)
	}
	var names []string
	var err error
	if len(packages) > 0 {
		names, err = b.goBuild(ctx, t, dir, "", packages)
	} else {
		names, err = b.ownPrograms(ctx, t, dir)
	}
	if err != nil {
		return nil, err
	}
	b.built[t.Build()] = programSet{dir, names}
	return names, nil
}

// toolPackages are the programs that every board and every Debian package gets.
var toolPackages = []string{"./cmd/tism", "./hwtest"}

func (b *builder) ownPrograms(ctx context.Context, t boards.Target, dir string) ([]string, error) {
	names, err := b.goBuild(ctx, t, dir, "", toolPackages)
	if err != nil {
		return nil, err
	}
	examples, err := b.goBuild(ctx, t, dir, "examples", []string{"./examples/..."})
	return append(names, examples...), err
}

// goBuild builds the main packages among packages into dir/sub, and returns their names
// under dir.
func (b *builder) goBuild(ctx context.Context, t boards.Target, dir, sub string, packages []string) ([]string, error) {
	env := t.Env()
	list := append([]string{"list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`}, packages...)
	mains, err := command(ctx, b.workDir(packages), env, "go", list...)
	if err != nil {
		return nil, err
	}
	paths := strings.Fields(mains)
	if len(paths) == 0 {
		return nil, fmt.Errorf("finding programs in %s: none of these is a package main", strings.Join(packages, " "))
	}
	// Into a directory of its own first, which then holds these programs and nothing else,
	// whatever Go calls them.
	fresh, err := os.MkdirTemp(dir, ".build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(fresh)
	// -buildvcs=auto whatever GOFLAGS says: the version is part of what was built. Without git it is left out.
	args := []string{"build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w", "-o", fresh + string(filepath.Separator)}
	if _, err := command(ctx, b.workDir(packages), env, "go", append(args, paths...)...); err != nil {
		return nil, err
	}
	return moveAll(fresh, dir, sub)
}

// moveAll moves the files of a directory to dir/sub and returns their names under dir.
func moveAll(from, dir, sub string) ([]string, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := filepath.Join(sub, e.Name())
		if err := os.Rename(filepath.Join(from, e.Name()), filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// workDir is where packages are looked up: tism's own from its root, the caller's from
// where the caller is.
func (b *builder) workDir(packages []string) string {
	if b.module.own() && strings.HasPrefix(packages[0], "./") {
		if _, err := os.Stat(packages[0]); err != nil {
			return b.module.Dir
		}
	}
	return ""
}

// link gives a board the programs that another with the same Go settings got.
func (s programSet) link(dir string) error {
	for _, name := range s.names {
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := linkOrCopy(filepath.Join(s.dir, name), to); err != nil {
			return err
		}
	}
	return nil
}

func linkOrCopy(from, to string) error {
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// command runs a program and returns what it printed; its error holds what the program
// had to say.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if text := strings.TrimSpace(stderr.String()); text != "" {
			return "", fmt.Errorf("running %s %s: %w: %s", name, strings.Join(args[:min(2, len(args))], " "), err, text)
		}
		return "", fmt.Errorf("running %s: %w", name, err)
	}
	return stdout.String(), nil
}
