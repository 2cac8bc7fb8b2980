package initramfs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/cpio"
)

func TestWrite(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("machine code"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := []File{
		{Path: "/init", From: program, Mode: 0o755},
		{Path: "tism/shm/testdata/a", Data: []byte("data")},
		{Path: "/tism/shm/shm.test", Data: []byte("more"), Mode: 0o755},
	}
	var archive, again bytes.Buffer
	for _, w := range []io.Writer{&archive, &again} {
		if err := Write(w, files); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archive.Bytes(), again.Bytes()) {
		t.Error("two archives of the same files differ")
	}
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(archive.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range records {
		names = append(names, r.Name)
		content, mode := "", uint64(0)
		switch r.Name {
		case "init":
			content, mode = "machine code", 0o100755
		case "tism/shm/testdata/a":
			content, mode = "data", 0o100644
		case "dev/console":
			mode = 0o020600
		case "tism/shm":
			mode = 0o040755
		default:
			continue
		}
		if r.Mode != mode {
			t.Errorf("%s has mode %o, want %o", r.Name, r.Mode, mode)
		}
		if got, err := io.ReadAll(io.NewSectionReader(reader(r), 0, int64(r.FileSize))); err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v, want %q", r.Name, got, err, content)
		}
	}
	want := "dev dev/console dev/null tism tism/shm tism/shm/testdata init tism/shm/testdata/a tism/shm/shm.test"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("the archive holds %q, want %q", got, want)
	}
}

func reader(r cpio.Record) io.ReaderAt {
	if r.ReaderAt == nil {
		return strings.NewReader("")
	}
	return r.ReaderAt
}

func TestWriteNamesTheMissingFile(t *testing.T) {
	err := Write(io.Discard, []File{{Path: "init", From: filepath.Join(t.TempDir(), "absent")}})
	if err == nil || !strings.Contains(err.Error(), "init") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Write = %v, want an error that names init", err)
	}
}
