package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tism-go/tism/cross/boards"
)

const buildTime = 15 * time.Minute

// errBuild is wrapped by errors of building.
var errBuild = errors.New("building")

// A builder builds each program once for each set of Go settings.
type builder struct {
	root string // of the module
	dir  string
}

func newBuilder() (*builder, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Path}} {{.Dir}}").Output()
	path, root, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if err != nil || path != "github.com/tism-go/tism" {
		return nil, fmt.Errorf("finding the sources: start this from within a clone of the module, with Go installed")
	}
	dir, err := os.MkdirTemp("", "tism-build-")
	return &builder{root, dir}, err
}

func (b *builder) close() { _ = os.RemoveAll(b.dir) }

// program builds a command of the module.
func (b *builder) program(ctx context.Context, t boards.Target, pkg string) (string, error) {
	return b.build(ctx, t, filepath.Base(pkg), "build", pkg)
}

// test builds a package's tests.
func (b *builder) test(ctx context.Context, t boards.Target, pkg string) (string, error) {
	return b.build(ctx, t, filepath.Base(pkg)+".test", "test", "-c", pkg)
}

func (b *builder) build(ctx context.Context, t boards.Target, name string, words ...string) (string, error) {
	out := filepath.Join(b.dir, t.Build(), name)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	pkg := words[len(words)-1]
	args := append(words[:len(words)-1:len(words)-1], "-ldflags=-s -w", "-o", out, pkg)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = b.root
	cmd.Env = append(os.Environ(), t.Env()...)
	text, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return out, nil
	case strings.Contains(string(text), syscall.ENOSPC.Error()):
		return "", fmt.Errorf("%w %s for %s: %w: make room, or set TMPDIR (and GOCACHE) to another disk\n%s", errBuild, pkg, t.Build(), syscall.ENOSPC, text)
	}
	return "", fmt.Errorf("%w %s for %s: %w\n%s", errBuild, pkg, t.Build(), err, text)
}
