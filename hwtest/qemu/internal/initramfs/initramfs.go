// Package initramfs writes the archive that a kernel unpacks as its first file system.
package initramfs

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// A File is a regular file of the archive.
type File struct {
	Path string // in the guest, with or without the leading slash
	From string // the file on the host with its content; empty: Data is the content
	Data []byte
	Mode uint64 // permission bits; 0 is 0644
}

// Write writes files as a newc archive, with the directories above them and the two
// devices without which some kernels give /init no console. Files of the host are read
// one at a time.
func Write(w io.Writer, files []File) error {
	out := cpio.Newc.Writer(w)
	records := []cpio.Record{
		cpio.Directory("dev", 0o755),
		cpio.CharDev("dev/console", 0o600, 5, 1),
		cpio.CharDev("dev/null", 0o666, 1, 3),
	}
	for _, dir := range directories(files) {
		records = append(records, cpio.Directory(dir, 0o755))
	}
	for i, r := range records {
		if err := put(out, r, uint64(i+1)); err != nil {
			return err
		}
	}
	for i, f := range files {
		if err := f.put(out, uint64(len(records)+i+1)); err != nil {
			return err
		}
	}
	if err := cpio.WriteTrailer(out); err != nil {
		return fmt.Errorf("writing the initramfs: %w", err)
	}
	return nil
}

func (f File) put(out cpio.RecordWriter, inode uint64) error {
	mode := f.Mode
	if mode == 0 {
		mode = 0o644
	}
	r := cpio.StaticFile(name(f.Path), "", mode)
	if f.From == "" {
		r.ReaderAt, r.FileSize = bytes.NewReader(f.Data), uint64(len(f.Data))
		return put(out, r, inode)
	}
	in, err := os.Open(f.From)
	if err != nil {
		return fmt.Errorf("writing %s into the initramfs: %w", f.Path, err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("writing %s into the initramfs: %w", f.Path, err)
	}
	r.ReaderAt, r.FileSize = in, uint64(info.Size())
	return put(out, r, inode)
}

func put(out cpio.RecordWriter, r cpio.Record, inode uint64) error {
	r.Ino = inode
	if err := out.WriteRecord(cpio.MakeReproducible(r)); err != nil {
		return fmt.Errorf("writing %s into the initramfs: %w", r.Name, err)
	}
	return nil
}

// directories are all that the files need, parents first.
func directories(files []File) (all []string) {
	for _, f := range files {
		for dir := path.Dir(name(f.Path)); dir != "." && dir != "dev"; dir = path.Dir(dir) {
			if !slices.Contains(all, dir) {
				all = append(all, dir)
			}
		}
	}
	slices.Sort(all)
	return all
}

func name(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }
