package kernels

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

// unpack takes the kernel image and the wanted device trees out of a Debian package, and
// reports whether it held an image.
func unpack(ctx context.Context, deb, into string) (found bool, err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return false, err
	}
	found, err = extract(out, into)
	_, drained := io.Copy(io.Discard, out)
	return found, errors.Join(err, drained, cmd.Wait())
}

func extract(archive io.Reader, into string) (found bool, err error) {
	for in := tar.NewReader(archive); ; {
		h, err := in.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		switch {
		case isImage(h.Name):
			found = true
			err = save(in, filepath.Join(into, "vmlinuz"))
		case wantedTrees()[path.Base(h.Name)]:
			err = save(in, filepath.Join(into, "dtb", path.Base(h.Name)))
		}
		if err != nil {
			return found, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

// isImage knows the two places where Debian keeps kernels: boot/vmlinuz-VERSION, and in
// newer releases usr/lib/modules/VERSION/vmlinuz.
func isImage(name string) bool {
	dir, base := path.Split(strings.TrimPrefix(name, "./"))
	switch {
	case dir == "boot/":
		return strings.HasPrefix(base, "vmlinuz-") || strings.HasPrefix(base, "vmlinux-")
	case strings.HasPrefix(dir, "usr/lib/modules/") && strings.Count(dir, "/") == 4:
		return base == "vmlinuz" || base == "vmlinux"
	}
	return false
}

// wantedTrees are the device trees that the table's machines boot with.
func wantedTrees() map[string]bool {
	names := map[string]bool{}
	for _, b := range boards.All() {
		for _, s := range b.Systems {
			if s.DTB != "" {
				names[s.DTB] = true
			}
		}
	}
	return names
}

func save(from io.Reader, to string) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
