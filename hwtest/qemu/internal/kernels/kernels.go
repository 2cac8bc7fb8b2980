// Package kernels fetches Debian's kernel packages of other architectures and keeps what
// an emulated machine boots of them: the kernel image and its device trees.
//
// apt does the work (signatures, mirrors, proxies as the host has them set up) in a state
// directory of its own, so neither root nor a foreign architecture in the host's dpkg is
// needed, and the host's own lists are left alone.
package kernels

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tism-go/tism/cross/boards"
)

// ErrMissing is what an error wraps when a kernel is neither in the cache nor to be had.
var ErrMissing = errors.New("no kernel")

// perStep is how long apt may take for one thing.
const perStep = 10 * time.Minute

// A Cache is a directory of kernels. Each has a directory of its own, which appears when
// it is complete.
type Cache struct {
	Dir string
	// Mirror is the address of a Debian archive; empty: the one that this host's apt uses.
	Mirror string
	// Log is told what goes on; nil is fine.
	Log func(format string, args ...any)
}

// An Image is a kernel in the cache.
type Image struct {
	Kernel  string // the path of the image
	Package string // Debian's name of the package and its version
	trees   string
}

// Tree is the path of a device tree by its name, "bcm2837-rpi-3-b.dtb".
func (i Image) Tree(name string) string { return filepath.Join(i.trees, name) }

// DefaultDir is the cache of this user.
func DefaultDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache directory: %w; pass --cache DIR", err)
	}
	return filepath.Join(dir, "tism"), nil
}

// Cached is the kernel if the cache has it.
func (c Cache) Cached(k boards.Kernel) (Image, bool) {
	dir := c.dir(k)
	label, err := os.ReadFile(filepath.Join(dir, "package"))
	if err != nil {
		return Image{}, false
	}
	image := Image{filepath.Join(dir, "vmlinuz"), strings.TrimSpace(string(label)), filepath.Join(dir, "dtb")}
	_, err = os.Stat(image.Kernel)
	return image, err == nil
}

func (c Cache) dir(k boards.Kernel) string { return filepath.Join(c.Dir, "kernels", k.Name) }

// Get is the kernel from the cache, or else from Debian.
func (c Cache) Get(ctx context.Context, k boards.Kernel) (Image, error) {
	if image, ok := c.Cached(k); ok {
		return image, nil
	}
	return c.Fetch(ctx, k)
}

// Fetch gets the newest kernel from Debian, in place of the one that the cache may have.
func (c Cache) Fetch(ctx context.Context, k boards.Kernel) (Image, error) {
	if err := c.fetch(ctx, k); err != nil {
		return Image{}, fmt.Errorf("fetching the kernel %s (Debian's %s:%s): %w", k.Name, k.Package, k.Debian, err)
	}
	image, ok := c.Cached(k)
	if !ok {
		return Image{}, fmt.Errorf("fetching the kernel %s: %w: it is not in %s", k.Name, ErrMissing, c.dir(k))
	}
	return image, nil
}

func (c Cache) fetch(ctx context.Context, k boards.Kernel) error {
	for _, tool := range []string{"apt-get", "apt-cache", "dpkg-deb"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %s is not here; use a Debian host or the Docker image (docker build -t tism . && docker run tism), or put a kernel of your own at %s with its name in %s",
				ErrMissing, tool, filepath.Join(c.dir(k), "vmlinuz"), filepath.Join(c.dir(k), "package"))
		}
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "kernels"), 0o755); err != nil {
		return err
	}
	if err := enoughSpace(c.Dir, 4*int64(k.Megabyte)+100); err != nil {
		return err
	}
	mirror, err := c.mirror(ctx)
	if err != nil {
		return err
	}
	var all error
	for _, suite := range k.Suites {
		err := c.fetchFrom(ctx, mirror, suite, k)
		if err == nil {
			return nil
		}
		all = errors.Join(all, fmt.Errorf("%s: %w", suite, err))
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%w; without network, copy %s from a machine that has it, or try again with --mirror URL\n%w", ErrMissing, c.dir(k), all)
}

func (c Cache) fetchFrom(ctx context.Context, mirror, suite string, k boards.Kernel) error {
	scratch, err := os.MkdirTemp(filepath.Join(c.Dir, "kernels"), ".fetching-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	apt, err := newApt(scratch, mirror, suite, k.Debian)
	if err != nil {
		return err
	}
	c.log("%s: reading the list of %s for %s", k.Name, suite, k.Debian)
	if err := apt.update(ctx); err != nil {
		return err
	}
	ready := filepath.Join(scratch, "ready")
	if err := os.MkdirAll(filepath.Join(ready, "dtb"), 0o755); err != nil {
		return err
	}
	label, err := c.find(ctx, apt, k, ready)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(ready, "package"), []byte(label+"\n"), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(c.dir(k)); err != nil {
		return err
	}
	return os.Rename(ready, c.dir(k))
}

// find follows the metapackage's dependencies to the package that has a kernel image, and
// unpacks it.
func (c Cache) find(ctx context.Context, apt apt, k boards.Kernel, into string) (string, error) {
	seen := map[string]bool{}
	for todo := []string{k.Package}; len(todo) > 0; todo = todo[1:] {
		name := todo[0]
		if seen[name] {
			continue
		}
		seen[name] = true
		text, err := apt.depends(ctx, name)
		if err != nil {
			return "", err
		}
		todo = append(todo, dependencies(text)...)
		if name == k.Package {
			continue // a metapackage holds nothing
		}
		c.log("%s: downloading %s", k.Name, name)
		deb, err := apt.download(ctx, name)
		if err != nil {
			return "", err
		}
		found, err := unpack(ctx, deb, into)
		if err != nil {
			return "", fmt.Errorf("unpacking %s: %w", name, err)
		}
		if err := os.Remove(deb); err != nil {
			return "", err
		}
		if found {
			return strings.TrimSuffix(filepath.Base(deb), ".deb"), nil
		}
	}
	return "", fmt.Errorf("%w image in %s or what it depends on", ErrMissing, k.Package)
}

func (c Cache) log(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}
