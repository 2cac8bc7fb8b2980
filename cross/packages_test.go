package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/xeipuuv/gojsonschema"

	"github.com/tism-go/tism/cross/boards"
)

// have skips a test where a command is not installed.
func have(t *testing.T, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("needs %s", c)
		}
	}
}

// output runs a command and returns what it printed.
func output(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	return must(t, cmd)
}

// filesBelow are the regular files below a directory, by their path there.
func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPackagesOfThisMachine builds all that this machine's architecture gets and does with it
// what its user does.
func TestPackagesOfThisMachine(t *testing.T) {
	if testing.Short() {
		t.Skip("builds everything for this machine")
	}
	have(t, "dpkg", "dpkg-deb")
	arch := strings.TrimSpace(output(t, nil, "dpkg", "--print-architecture"))
	all := boards.PackagesFor(boards.All())
	i := slices.IndexFunc(all, func(p boards.Package) bool { return p.Debian == arch })
	if i < 0 || all[i].C.Static {
		t.Skipf("no packages with a shared library for %s", arch)
	}
	p := all[i]
	have(t, p.C.Compiler())
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	outs := [2]string{t.TempDir(), t.TempDir()}
	for _, out := range outs {
		if status, text := run(t, "build", p.Build, "--deb=always", "--python=never", "-o", out); status != 0 {
			t.Fatalf("exit %d:\n%s", status, text)
		}
	}
	dist := outs[0]
	t.Run("reproducible", func(t *testing.T) {
		first, second := filesBelow(t, dist), filesBelow(t, outs[1])
		for name, data := range first {
			if !bytes.Equal(data, second[name]) {
				t.Errorf("two builds differ in %s", name)
			}
		}
		if len(first) != len(second) {
			t.Errorf("one build has %d files, the other %d", len(first), len(second))
		}
	})
	t.Run("sums", func(t *testing.T) { checkSums(t, dist) })
	t.Run("bill of materials", func(t *testing.T) { checkBill(t, dist) })
	t.Run("lintian", func(t *testing.T) {
		if os.Getenv("TISM_TEST_ALL") == "" {
			t.Skip("takes a minute: TISM_TEST_ALL=1 runs it")
		}
		have(t, "lintian")
		debs, _ := filepath.Glob(filepath.Join(dist, "*.deb"))
		// A linter of another year knows other tags; mistakes are mistakes in all of them.
		out := output(t, nil, "lintian", append([]string{"--allow-root", "--fail-on", "error"}, debs...)...)
		if strings.TrimSpace(out) != "" {
			t.Logf("lintian says:\n%s", out)
		}
	})
	t.Run("installed", func(t *testing.T) { checkInstalled(t, dist, p) })
}

func checkSums(t *testing.T, dist string) {
	want := filesBelow(t, dist)
	delete(want, sumsFile)
	data, err := os.ReadFile(filepath.Join(dist, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if _, ok := want[name]; !ok {
			t.Errorf("%s names %q, which is not there or twice", sumsFile, name)
		}
		delete(want, name)
	}
	for name := range want {
		t.Errorf("%s lacks %s", sumsFile, name)
	}
	have(t, "sha256sum")
	cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", sumsFile)
	cmd.Dir = dist
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

func checkBill(t *testing.T, dist string) {
	data, err := os.ReadFile(filepath.Join(dist, sbomFile))
	if err != nil {
		t.Fatal(err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(data), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.Metadata.Component.Name != ownPath || bom.Metadata.Timestamp != "2023-11-14T22:13:20Z" {
		t.Errorf("the bill is of %s, at %s", bom.Metadata.Component.Name, bom.Metadata.Timestamp)
	}
	want := filesBelow(t, dist)
	delete(want, sumsFile)
	delete(want, sbomFile)
	uses := map[string][]string{}
	for _, d := range *bom.Dependencies {
		uses[d.Ref] = *d.Dependencies
	}
	for _, c := range *bom.Components {
		if c.Type == cdx.ComponentTypeLibrary {
			continue
		}
		if _, ok := want[c.Name]; !ok {
			t.Errorf("the bill names %q, which is not there or twice", c.Name)
		}
		delete(want, c.Name)
		switch info, err := buildinfo.ReadFile(filepath.Join(dist, c.Name)); {
		case err == nil:
			for _, m := range info.Deps {
				if !slices.Contains(uses[c.Name], "pkg:golang/"+m.Path+"@"+m.Version) {
					t.Errorf("the bill lacks %s in %s", m.Path, c.Name)
				}
			}
			if len(uses[c.Name]) != len(info.Deps)+1 { // and the standard library
				t.Errorf("%s holds %d modules, the bill says %q", c.Name, len(info.Deps), uses[c.Name])
			}
		case len(uses[c.Name]) == 0:
			t.Errorf("the bill does not say what is in %s", c.Name)
		}
	}
	for name := range want {
		t.Errorf("the bill lacks %s", name)
	}
	checkSchema(t, data)
}

// checkSchema validates a bill against the standard's own schema, which is in the library's module.
func checkSchema(t *testing.T, data []byte) {
	dir := strings.TrimSpace(output(t, nil, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go"))
	file := func(name string) gojsonschema.JSONLoader {
		return gojsonschema.NewReferenceLoader("file://" + filepath.ToSlash(filepath.Join(dir, "schema", name)))
	}
	// Its neighbours by the names that it has for them, so that none is fetched.
	schemas := gojsonschema.NewSchemaLoader()
	for name, neighbour := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		if err := schemas.AddSchema("http://cyclonedx.org/schema/"+name, file(neighbour)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := schemas.Compile(file("bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := schema.Validate(gojsonschema.NewBytesLoader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range result.Errors() {
		t.Errorf("schema: %s", e)
	}
}

// checkInstalled installs the packages in a directory of their own, uses them, and purges them.
func checkInstalled(t *testing.T, dist string, p boards.Package) {
	if os.Getuid() != 0 {
		t.Skip("dpkg needs root")
	}
	root := t.TempDir()
	for _, dir := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dpkg := func(args ...string) {
		t.Helper()
		output(t, []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin"}, "dpkg", append([]string{"--root=" + root}, args...)...)
	}
	pkg := func(name string) string {
		t.Helper()
		found, _ := filepath.Glob(filepath.Join(dist, name+"_*_"+p.Debian+".deb"))
		if len(found) != 1 {
			t.Fatalf("%s: found %q, want one package", name, found)
		}
		return found[0]
	}
	dpkg("--install", pkg("tism")) // on a system without any library

	tism := filepath.Join(root, "usr/bin/tism")
	want, err := readStamp(tism)
	if err != nil {
		t.Fatal(err)
	}
	if got := output(t, nil, tism, "--version"); strings.TrimSpace(got) != "tism version "+want.version {
		t.Errorf("tism --version says %q, want %s", got, want.version)
	}
	output(t, nil, filepath.Join(root, "usr/bin/tism-hwtest"), "--list")

	t.Run("unit", func(t *testing.T) { checkUnit(t, filepath.Join(root, "usr/share/doc/tism/examples/autopilot.service")) })
	t.Run("pages", func(t *testing.T) { checkPages(t, filepath.Join(root, "usr/share/man/man1")) })
	t.Run("completion", func(t *testing.T) {
		have(t, "bash")
		output(t, nil, "bash", "-n", filepath.Join(root, "usr/share/bash-completion/completions/tism"))
		for _, file := range []string{"zsh/vendor-completions/_tism", "zsh/vendor-completions/_tism-hwtest",
			"fish/vendor_completions.d/tism.fish", "fish/vendor_completions.d/tism-hwtest.fish"} {
			data, err := os.ReadFile(filepath.Join(root, "usr/share", file))
			if err != nil || !bytes.Contains(data, []byte("tism")) {
				t.Errorf("%s: %v", file, err)
			}
		}
		if got := output(t, nil, tism, "__complete", "in"); !strings.HasPrefix(got, "info\t") {
			t.Errorf("completion of 'tism in' gives %q", got)
		}
	})
	checkLinks(t, root, p, false)
	// Its libc is not in this directory.
	dpkg("--force-depends", "--install", pkg("libtism2"))
	checkLinks(t, root, p, true)

	dpkg("--purge", "tism", "libtism2")
	for name := range filesBelow(t, root) {
		if !strings.HasPrefix(name, "var/") {
			t.Errorf("purging left %s", name)
		}
	}
}

func checkUnit(t *testing.T, unit string) {
	have(t, "systemd-analyze")
	data, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	// The program is the user's to write.
	text := strings.Replace(string(data), "/usr/local/bin/autopilot", "/bin/true", 1)
	file := filepath.Join(t.TempDir(), "autopilot.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := output(t, nil, "systemd-analyze", "verify", "--man=no", file); strings.Contains(out, file) {
		t.Errorf("systemd-analyze: %s", out)
	}
}

func checkPages(t *testing.T, dir string) {
	have(t, "man")
	pages, _ := filepath.Glob(filepath.Join(dir, "*.1.gz"))
	if len(pages) < 7 {
		t.Errorf("pages: %q", pages)
	}
	for _, page := range pages {
		text := output(t, []string{"MANWIDTH=80", "LC_ALL=C.UTF-8", "MANROFFSEQ="}, "man", "--warnings", "--local-file", page)
		name := strings.TrimSuffix(filepath.Base(page), ".1.gz")
		if !strings.Contains(text, name+" - ") || strings.Contains(text, "warning:") {
			t.Errorf("%s reads:\n%s", name, text)
		}
		if name == "tism" && !strings.Contains(text, "0  done\n") {
			t.Errorf("the table of exit statuses lost its shape:\n%s", text)
		}
	}
}

// checkLinks builds a C program as the package's pkg-config file says, and runs it.
func checkLinks(t *testing.T, root string, p boards.Package, shared bool) {
	t.Helper()
	have(t, "pkg-config")
	libdir := filepath.Join(root, "usr/lib", p.Multiarch)
	flags := strings.Fields(output(t, []string{"PKG_CONFIG_SYSROOT_DIR=" + root, "PKG_CONFIG_LIBDIR=" + libdir + "/pkgconfig"},
		"pkg-config", "--cflags", "--libs", "tism"))
	program := filepath.Join(t.TempDir(), "publisher")
	source := filepath.Join(root, "usr/share/doc/tism/examples/publisher.c")
	output(t, nil, p.C.Compiler(), slices.Concat([]string{"-o", program, source}, flags)...)
	if got := strings.Contains(output(t, nil, p.C.Tool("readelf"), "-d", program), "libtism.so.2"); got != shared {
		t.Errorf("linked with the shared library: %v, want %v", got, shared)
	}
	output(t, []string{"TISM_DIR=" + t.TempDir(), "LD_LIBRARY_PATH=" + libdir}, program, "2")
}

// TestDebianSortsVersions: what Go calls later is an upgrade.
func TestDebianSortsVersions(t *testing.T) {
	have(t, "dpkg")
	before := ""
	for _, version := range []string{
		"v0.0.0-20251231235959-ffffffffffff", "v0.0.0-20260101000000-000000000000", "(devel)", "v0.9.0-rc1",
		"v0.9.0-rc1.0.20260101000000-000000000000", "v0.9.0-rc2", "v0.9.0", "v0.9.1-0.20260101000000-000000000000",
		"v0.9.1-0.20260101000000-000000000000+dirty", "v0.9.1", "v0.10.0",
	} {
		got := stamp{version: version}.debian()
		if before != "" {
			output(t, nil, "dpkg", "--compare-versions", before, "lt", got)
		}
		before = got
	}
}

// TestArmhfLibraryIsARMv6: Raspberry Pi OS installs armhf packages on the Pi Zero.
func TestArmhfLibraryIsARMv6(t *testing.T) {
	all := boards.PackagesFor(boards.All())
	armhf := all[slices.IndexFunc(all, func(p boards.Package) bool { return p.Debian == "armhf" })]
	have(t, armhf.C.Compiler())
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	b := &builder{c: "always", module: module{Dir: dir}, libs: map[string]*cLibrary{}}
	lib, err := b.library(context.Background(), armhf.C)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(lib.dir)
	got := output(t, nil, armhf.C.Tool("readelf"), "-A", filepath.Join(lib.dir, "libtism.a"))
	if !strings.Contains(got, "Tag_CPU_arch: v6") || !strings.Contains(got, "Tag_ABI_VFP_args: VFP registers") || lib.shared {
		t.Errorf("shared: %v\n%s", lib.shared, got)
	}
}
