package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tism-go/tism/cross/boards"
)

// A cLibrary is the C library, built for one kind of CPU.
type cLibrary struct {
	dir      string // with libtism.a, tism.h, and libtism.so if shared
	version  string // of bindings/c: "2.1.0"
	shared   bool
	c        boards.C
	compiler string // its name and version
}

// soname is what programs that link with the library ask for.
func (l *cLibrary) soname() string { return "libtism.so." + strings.SplitN(l.version, ".", 2)[0] }

// file is the library's file behind the soname.
func (l *cLibrary) file() string { return "libtism.so." + l.version }

// canCompile says why the C library cannot be built for a CPU here.
func canCompile(c boards.C) error {
	if c.NoAtomics {
		return fmt.Errorf("building the C library: a CPU of %s has no atomic instructions; Go programs run there: leave the library out with --c=never", strings.Join(c.Flags, " "))
	}
	if _, err := exec.LookPath(c.Compiler()); err != nil {
		return fmt.Errorf("building the C library: %s is not installed: apt-get install %s", c.Compiler(), c.Package)
	}
	return nil
}

// library builds the C library, once for each set of flags. It is nil when it cannot be
// built and need not be.
func (b *builder) library(ctx context.Context, c boards.C) (*cLibrary, error) {
	key := strings.Join(append([]string{c.Triple}, c.Flags...), "_")
	if lib, ok := b.libs[key]; ok {
		return lib, nil
	}
	if err := canCompile(c); err != nil {
		if b.c == "always" {
			return nil, err
		}
		b.skip("%v", err)
		b.libs[key] = nil
		return nil, nil
	}
	lib, err := b.compile(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("building the C library: %w", err)
	}
	b.libs[key] = lib
	return lib, nil
}

var cVersion = regexp.MustCompile(`project\(tism VERSION ([0-9.]+)`)

func (b *builder) compile(ctx context.Context, c boards.C) (*cLibrary, error) {
	src := filepath.Join(b.module.Dir, "bindings", "c")
	lists, err := os.ReadFile(filepath.Join(src, "CMakeLists.txt"))
	if err != nil {
		return nil, err
	}
	match := cVersion.FindSubmatch(lists)
	if match == nil {
		return nil, fmt.Errorf("reading the library's version: none in %s/CMakeLists.txt", src)
	}
	compiler, err := command(ctx, "", nil, c.Compiler(), "--version")
	if err != nil {
		return nil, err
	}
	compiler, _, _ = strings.Cut(compiler, "\n")
	dir, err := b.temp()
	if err != nil {
		return nil, err
	}
	lib := &cLibrary{dir: dir, version: string(match[1]), shared: !c.Static, c: c, compiler: compiler}
	// Nothing of this machine may get into the result: neither paths nor times.
	flags := append(append([]string{}, c.Flags...), "-std=c11", "-O2", "-g0", "-fPIC", "-pthread", "-Wall", "-ffile-prefix-map="+src+"=tism")
	object := filepath.Join(dir, "tism.o")
	if _, err := command(ctx, src, nil, c.Compiler(), append(flags, "-c", "tism.c", "-o", object)...); err != nil {
		return nil, err
	}
	if _, err := command(ctx, dir, nil, c.Tool("ar"), "rcsD", "libtism.a", "tism.o"); err != nil {
		return nil, err
	}
	if lib.shared {
		args := append(flags, "-shared", "-Wl,-soname,"+lib.soname(), "-Wl,-z,relro,-z,now", "-Wl,--build-id=sha1", "-s", "-o", lib.file(), "tism.o")
		if _, err := command(ctx, dir, nil, c.Compiler(), append(args, c.Libs...)...); err != nil {
			return nil, err
		}
	}
	return lib, copyText(filepath.Join(src, "tism.h"), filepath.Join(dir, "tism.h"))
}

// copyText copies a small file, so that results never share bytes with sources.
func copyText(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// install lays the library out under a board's directory as below /usr/local, and returns its files.
func (l *cLibrary) install(dir string) ([]string, error) {
	files := map[string]string{"include/tism.h": "tism.h", "lib/libtism.a": "libtism.a"}
	if l.shared {
		files["lib/"+l.file()] = l.file()
	}
	for to, from := range files {
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return nil, err
		}
		if err := copyText(filepath.Join(l.dir, from), to); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "lib/pkgconfig"), 0o755); err != nil {
		return nil, err
	}
	// ${pcfiledir} finds the library wherever the directory is copied to.
	const pc = "lib/pkgconfig/tism.pc"
	if err := os.WriteFile(filepath.Join(dir, pc), []byte(l.pkgConfig("${pcfiledir}/../..", "lib")), 0o644); err != nil {
		return nil, err
	}
	names := append(slices.Collect(maps.Keys(files)), pc)
	if !l.shared {
		return names, nil
	}
	for link, to := range map[string]string{l.soname(): l.file(), "libtism.so": l.soname()} {
		link = filepath.Join(dir, "lib", link)
		os.Remove(link)
		if err := os.Symlink(to, link); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (l *cLibrary) pkgConfig(prefix, libdir string) string {
	return fmt.Sprintf(`prefix=%s
libdir=${prefix}/%s
includedir=${prefix}/include

Name: tism
Description: The newest value of a type, between processes, through shared memory
Version: %s
Cflags: -I${includedir}
Libs: -L${libdir} -ltism -pthread
`, prefix, libdir, l.version)
}
