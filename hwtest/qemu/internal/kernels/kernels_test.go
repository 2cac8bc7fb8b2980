package kernels

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tism-go/tism/cross/boards"
)

func TestDependencies(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"linux-image-arm64\n  Depends: linux-image-6.1.0-50-arm64\n", []string{"linux-image-6.1.0-50-arm64"}},
		{"linux-image-arm64-16k\n  Depends: linux-image-6.12.117+deb13-arm64-16k\n", []string{"linux-image-6.12.117+deb13-arm64-16k"}},
		{`linux-image-7.2.12+deb14-riscv64
  PreDepends: linux-base
 |Depends: dracut
 |Depends: initramfs-tools
  Depends: <linux-initramfs-tool>
    dracut
  Depends: linux-base-7.2.12+deb14-riscv64
  Depends: linux-binary-7.2.12+deb14-riscv64
  Depends: linux-modules-7.2.12+deb14-riscv64
  Breaks: linux-image-old
  Suggests: linux-image-other
`, []string{"linux-binary-7.2.12+deb14-riscv64"}},
		{"nothing\n", nil},
	} {
		if got := dependencies(test.text); !slices.Equal(got, test.want) {
			t.Errorf("dependencies(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

func TestDebianMirror(t *testing.T) {
	const targets = `DEP-11 bookworm main http://mirror.invalid/debian/
Packages stable main http://elsewhere.invalid/cloud-sdk-not-debian extra
Packages nodistro main http://node.invalid/
Packages bookworm-security main http://mirror.invalid/debian-security/
Packages bookworm main http://mirror.invalid/debian/
`
	if got, want := debianMirror(targets), "http://mirror.invalid/debian/"; got != want {
		t.Errorf("debianMirror = %q, want %q", got, want)
	}
	if got := debianMirror("Packages noble main http://ubuntu.invalid/\n"); got != "" {
		t.Errorf("debianMirror takes %q for Debian's", got)
	}
}

func TestComplaint(t *testing.T) {
	const said = "W: careful\nE: Failed to fetch x  File has unexpected size\n   Hashes\nE: Some index files failed\n"
	if got, want := complaint(said), "Failed to fetch x  File has unexpected size; Some index files failed"; got != want {
		t.Errorf("complaint = %q, want %q", got, want)
	}
}

func TestExtract(t *testing.T) {
	for _, image := range []string{"./boot/vmlinuz-6.1.0-50-arm64", "./usr/lib/modules/7.2.12+deb14-riscv64/vmlinuz"} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		for name, text := range map[string]string{
			image: "kernel",
			"./usr/lib/linux-image-6.1.0-50-arm64/broadcom/bcm2837-rpi-3-b.dtb": "tree",
			"./usr/lib/linux-image-6.1.0-50-arm64/other.dtb":                    "unwanted",
			"./usr/lib/modules/6.1.0-50-arm64/kernel/vmlinuz":                   "decoy",
			"./boot/config-6.1.0-50-arm64":                                      "config",
		} {
			if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "dtb"), 0o755); err != nil {
			t.Fatal(err)
		}
		found, err := extract(&archive, dir)
		if err != nil || !found {
			t.Fatalf("extract = %v, %v", found, err)
		}
		for name, want := range map[string]string{"vmlinuz": "kernel", "dtb/bcm2837-rpi-3-b.dtb": "tree"} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); string(got) != want {
				t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
			}
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "dtb", "*")); len(names) != 1 {
			t.Errorf("device trees: %q, want one", names)
		}
	}
}

func TestACutPackageIsAnError(t *testing.T) {
	if found, err := extract(strings.NewReader("no archive at all"), t.TempDir()); err == nil {
		t.Errorf("extract = %v without an error", found)
	}
}

func TestCacheHoldsWholeKernelsOnly(t *testing.T) {
	c := Cache{Dir: t.TempDir()}
	k := boards.KernelCloudArm64
	if image, ok := c.Cached(k); ok {
		t.Fatalf("an empty cache has %+v", image)
	}
	dir := filepath.Join(c.Dir, "kernels", k.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vmlinuz", "package"} {
		if image, ok := c.Cached(k); ok {
			t.Fatalf("half a kernel is taken for one: %+v", image)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if image, err := c.Get(context.Background(), k); err != nil || image.Package != "x" {
		t.Errorf("Get = %+v, %v", image, err)
	}
}

func TestWithoutAptTheErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Cache{Dir: t.TempDir()}.Get(context.Background(), boards.KernelCloudArm64)
	if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "docker run") || !strings.Contains(err.Error(), "cloud-arm64") {
		t.Errorf("Get = %v, want one that names the kernel and the Docker image", err)
	}
}

func TestNoSpaceIsSaidBeforehand(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux to ask for the free space")
	}
	err := enoughSpace(t.TempDir(), math.MaxInt64)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "--cache") {
		t.Errorf("enoughSpace = %v, want ENOSPC and the flag", err)
	}
}
