package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"debug/elf"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"

	"github.com/tism-go/tism/cross/boards"
)

//go:embed debian/autopilot.service
var serviceExample []byte

const (
	maintainer = "the tism authors <tism-go@users.noreply.github.com>"
	homepage   = "https://" + ownPath
)

// debian makes the Debian packages of one architecture and returns their names.
func (b *builder) debian(ctx context.Context, p boards.Package) ([]string, error) {
	dir, err := b.packaged(ctx, p)
	if err != nil {
		return nil, err
	}
	programs := []string{filepath.Join(dir, "tism"), filepath.Join(dir, "hwtest")}
	st, err := readStamp(programs[0])
	if err != nil {
		return nil, err
	}
	var lib *cLibrary
	if b.c != "never" && !(b.c == "auto" && p.C.NoAtomics) {
		if lib, err = b.library(ctx, p.C); err != nil {
			return nil, err
		}
	}
	tool, err := b.toolPackage(ctx, p, st, programs, lib)
	if err != nil {
		return nil, err
	}
	name, err := b.write(tool, artifact{programs: programs, lib: lib})
	if err != nil || lib == nil || !lib.shared {
		return []string{name}, err
	}
	shared, err := b.libraryPackage(p, st, lib)
	if err != nil {
		return nil, err
	}
	second, err := b.write(shared, artifact{lib: lib})
	return []string{name, second}, err
}

// toolPackage is the package tism. What it holds needs no library, so that it installs on whatever
// system there is.
func (b *builder) toolPackage(ctx context.Context, p boards.Package, st stamp, programs []string, lib *cLibrary) (*debPackage, error) {
	d, err := b.newPackage("tism", "utils", p, st)
	if err != nil {
		return nil, err
	}
	d.info.Description = `newest value of a type, between processes, through shared memory
Topics in shared memory: one publisher, any number of consumers, no daemon.
This package has the command-line tool, tism-hwtest, the suite that a board
must pass before it flies, and `
	d.file("/usr/bin/tism", programs[0], 0o755)
	d.file("/usr/bin/tism-hwtest", programs[1], 0o755)
	manual, err := b.manual(ctx, st)
	if err != nil {
		return nil, fmt.Errorf("writing the manual: %w", err)
	}
	if err := d.tree("/usr/share", manual); err != nil {
		return nil, err
	}
	c := filepath.Join(b.module.Dir, "bindings", "c", "examples")
	switch {
	case lib == nil:
		d.info.Description += "the manual."
	default:
		d.info.Description += "the C header and the static library."
		d.file("/usr/include/tism.h", filepath.Join(lib.dir, "tism.h"), 0o644)
		libdir := "/usr/lib/" + p.Multiarch
		d.file(libdir+"/libtism.a", filepath.Join(lib.dir, "libtism.a"), 0o644)
		d.text(libdir+"/pkgconfig/tism.pc", lib.pkgConfig("/usr", "lib/"+p.Multiarch))
		if err := d.tree("/usr/share/doc/tism/examples", c); err != nil {
			return nil, err
		}
		if lib.shared {
			// The linker passes over a link to nothing, and takes the static library.
			d.link(libdir+"/libtism.so", lib.soname())
			d.info.Suggests = []string{lib.packageName()}
		}
	}
	d.text("/usr/share/doc/tism/examples/autopilot.service", string(serviceExample))
	text, err := b.copyright(ctx, programs)
	if err != nil {
		return nil, fmt.Errorf("collecting the licenses: %w", err)
	}
	d.text("/usr/share/doc/tism/copyright", text)
	d.text("/usr/share/lintian/overrides/tism", `# Go programs that run on any system.
tism: statically-linked-binary
`)
	return d, d.err
}

// libraryPackage is the package of the shared library, which asks for the libc that it was linked with.
func (b *builder) libraryPackage(p boards.Package, st stamp, lib *cLibrary) (*debPackage, error) {
	d, err := b.newPackage(lib.packageName(), "libs", p, st)
	if err != nil {
		return nil, err
	}
	d.info.Description = `newest value of a type, between processes (shared library)
Topics in shared memory: one publisher, any number of consumers, no daemon.
This package has the shared library for C programs.`
	file := filepath.Join(lib.dir, lib.file())
	libc, err := neededLibc(file)
	if err != nil {
		return nil, err
	}
	d.info.Depends = []string{"libc6 (>= " + libc + ")"}
	d.info.Deb.Fields = map[string]string{"Multi-Arch": "same"}
	d.info.Deb.Triggers.ActivateNoAwait = []string{"ldconfig"}
	libdir := "/usr/lib/" + p.Multiarch + "/"
	d.file(libdir+lib.file(), file, 0o644)
	d.link(libdir+lib.soname(), lib.file())
	license, err := os.ReadFile(filepath.Join(b.module.Dir, "LICENSE"))
	if err != nil {
		return nil, err
	}
	d.text("/usr/share/doc/"+d.info.Name+"/copyright", string(license))
	d.text("/usr/share/lintian/overrides/"+d.info.Name, "# For building other Debian packages with it; tism's users link programs.\n"+d.info.Name+": no-shlibs\n")
	return d, d.err
}

// packageName is what Debian calls the package of the shared library: "libtism2".
func (l *cLibrary) packageName() string {
	return "libtism" + strings.TrimPrefix(l.soname(), "libtism.so.")
}

// neededLibc is the oldest glibc that has all that a library takes from it.
func neededLibc(file string) (string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return "", fmt.Errorf("reading the symbols of %s: %w", file, err)
	}
	newest := [2]int{2, 0}
	for _, s := range symbols {
		var v [2]int
		if n, _ := fmt.Sscanf(s.Version, "GLIBC_%d.%d", &v[0], &v[1]); n == 2 && slices.Compare(v[:], newest[:]) > 0 {
			newest = v
		}
	}
	return fmt.Sprintf("%d.%d", newest[0], newest[1]), nil
}

// A debPackage is a Debian package in the making. Its first error stops it.
type debPackage struct {
	info  *nfpm.Info
	stage string // directory of the files that are made for it
	err   error
}

func (b *builder) newPackage(name, section string, p boards.Package, st stamp) (*debPackage, error) {
	stage, err := b.temp()
	if err != nil {
		return nil, err
	}
	d := &debPackage{stage: stage, info: nfpm.WithDefaults(&nfpm.Info{
		Name: name, Arch: p.Debian, Version: st.debian(), VersionSchema: "none", Section: section, Priority: "optional",
		Maintainer: maintainer, Homepage: homepage, MTime: st.date(), DisableGlobbing: true,
	})}
	d.info.Deb.Arch = p.Debian
	d.info.Deb.Compression = "xz" // which every dpkg in use can unpack, unlike zstd
	change := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Built from commit %s.\n\n -- %s  %s\n",
		name, st.debian(), cmp.Or(st.commit, "unknown"), maintainer, st.date().Format(time.RFC1123Z))
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = w.Write([]byte(change)) // into memory
	_ = w.Close()
	d.text("/usr/share/doc/"+name+"/changelog.gz", packed.String())
	return d, d.err
}

func (d *debPackage) file(to, from string, mode fs.FileMode) {
	d.info.Contents = append(d.info.Contents, &files.Content{Source: from, Destination: to, FileInfo: &files.ContentFileInfo{Mode: mode}})
}

func (d *debPackage) link(at, to string) {
	d.info.Contents = append(d.info.Contents, &files.Content{Source: to, Destination: at, Type: files.TypeSymlink})
}

func (d *debPackage) text(to, text string) {
	from := filepath.Join(d.stage, strings.ReplaceAll(to, "/", "!"))
	d.err = cmp.Or(d.err, os.WriteFile(from, []byte(text), 0o644))
	d.file(to, from, 0o644)
}

// tree adds the files below a directory, each readable and none to run.
func (d *debPackage) tree(to, from string) error {
	return filepath.WalkDir(from, func(file string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, file)
		d.file(path.Join(to, filepath.ToSlash(name)), file, 0o644)
		return err
	})
}

// write writes a package into the directory of the results and returns its name.
func (b *builder) write(d *debPackage, a artifact) (string, error) {
	if err := nfpm.PrepareForPackager(d.info, "deb"); err != nil {
		return "", err
	}
	a.path = deb.Default.ConventionalFileName(d.info)
	var out bytes.Buffer
	if err := deb.Default.Package(d.info, &out); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(b.out, a.path), out.Bytes(), 0o644); err != nil {
		return "", err
	}
	b.add(a)
	return a.path, nil
}

// manual has the programs write their man pages and completions, once, as below /usr/share.
func (b *builder) manual(ctx context.Context, st stamp) (string, error) {
	if b.manualDir != "" {
		return b.manualDir, nil
	}
	dir, err := b.temp()
	if err != nil {
		return "", err
	}
	for _, program := range toolPackages {
		// For this machine, whatever the environment asks for.
		env := []string{"GOOS=", "GOARCH=", "CGO_ENABLED=0", st.epoch()}
		if _, err := command(ctx, b.module.Dir, env, "go", "run", "-trimpath", "-tags", "manual", program, dir, st.debian()); err != nil {
			return "", err
		}
	}
	b.manualDir = dir
	return dir, nil
}

// copyright is tism's license, and those of all that the programs hold.
func (b *builder) copyright(ctx context.Context, programs []string) (string, error) {
	own, err := os.ReadFile(filepath.Join(b.module.Dir, "LICENSE"))
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "tism, %s\n\n%s\nThe programs are statically linked, with the following.\n", homepage, own)
	root, err := command(ctx, "", nil, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	if err := addLicenses(&text, "Go's standard library", strings.TrimSpace(root)); err != nil {
		return "", err
	}
	modules, err := linked(programs)
	if err != nil {
		return "", err
	}
	list, err := command(ctx, b.module.Dir, nil, "go", append([]string{"list", "-m", "-f", "{{.Path}} {{.Version}}\t{{.Dir}}"}, modules...)...)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(list) {
		name, dir, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if err := addLicenses(&text, name, dir); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// linked are the paths of the modules in programs, sorted.
func linked(programs []string) ([]string, error) {
	var paths []string
	for _, program := range programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return nil, err
		}
		for _, m := range info.Deps {
			paths = append(paths, m.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// addLicenses appends the license files of a directory.
func addLicenses(text *strings.Builder, name, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("of %s: %w", name, err)
	}
	found := false
	for _, e := range entries {
		upper := strings.ToUpper(e.Name())
		if !strings.HasPrefix(upper, "LICENSE") && !strings.HasPrefix(upper, "COPYING") && !strings.HasPrefix(upper, "NOTICE") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found = true
		if bytes.Contains(data, []byte("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION")) && bytes.Contains(data, []byte("Apache License")) {
			data = []byte("Apache License, Version 2.0: /usr/share/common-licenses/Apache-2.0\n")
		}
		fmt.Fprintf(text, "\n--- %s, %s ---\n\n%s", name, e.Name(), data)
	}
	if !found {
		fmt.Fprintf(text, "\n--- %s: its own license ---\n", name)
	}
	return nil
}
