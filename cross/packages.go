package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tism-go/tism/cross/boards"
)

// packages makes the Debian and Python packages that the switches ask for.
func (b *builder) packages(ctx context.Context, targets []boards.Target) error {
	for _, p := range boards.PackagesFor(targets) {
		start := time.Now()
		var names []string
		if b.deb == "always" || b.deb == "auto" && b.all {
			made, err := b.debian(ctx, p)
			if err != nil {
				return fmt.Errorf("packaging for Debian's %s: %w", p.Debian, err)
			}
			names = append(names, made...)
		}
		if p.Python && (b.python == "always" || b.python == "auto" && b.all) {
			made, err := b.wheels(ctx, p)
			if err != nil {
				return fmt.Errorf("packaging Python for %s: %w", p.Debian, err)
			}
			names = append(names, made...)
		}
		if len(names) > 0 {
			fmt.Fprintf(b.log, "%-17s %-18s %5.1f s  %s\n", "Debian "+p.Debian, "packages", time.Since(start).Seconds(), strings.Join(names, " "))
		}
	}
	return nil
}

// packaged is a directory with the programs that the packages of an architecture hold.
func (b *builder) packaged(ctx context.Context, p boards.Package) (string, error) {
	t := p.Target()
	if set, ok := b.built[t.Build()]; ok {
		return set.dir, nil
	}
	dir, err := b.temp()
	if err != nil {
		return "", err
	}
	names, err := b.goBuild(ctx, t, dir, "", toolPackages)
	if err == nil {
		b.built[t.Build()] = programSet{dir, names}
	}
	return dir, err
}

// A stamp is which sources a program was built from, by what Go wrote into it.
type stamp struct {
	version string    // "v1.2.3", or "(devel)" without git
	commit  string    // empty without git
	time    time.Time // SOURCE_DATE_EPOCH, else the commit's; zero without both
}

func readStamp(program string) (stamp, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return stamp{}, err
	}
	s := stamp{version: info.Main.Version}
	for _, set := range info.Settings {
		switch set.Key {
		case "vcs.revision":
			s.commit = set.Value
		case "vcs.time":
			s.time, _ = time.Parse(time.RFC3339, set.Value)
		}
	}
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return stamp{}, fmt.Errorf("reading SOURCE_DATE_EPOCH: %q is no number of seconds", text)
		}
		s.time = time.Unix(seconds, 0)
	}
	s.time = s.time.UTC()
	return s, nil
}

// date is the time for what must have one.
func (s stamp) date() time.Time {
	if s.time.IsZero() {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // the first that a wheel can hold
	}
	return s.time
}

// epoch tells other programs the date.
func (s stamp) epoch() string { return fmt.Sprintf("SOURCE_DATE_EPOCH=%d", s.date().Unix()) }

// debian is the version as Debian sorts it. Go's is semantic, with a pseudo-version's
// time and commit between tags: what follows its first dash comes before the version itself,
// as what follows a tilde does.
func (s stamp) debian() string {
	number, pre, found := strings.Cut(strings.TrimPrefix(s.version, "v"), "-")
	switch {
	case number == "" || number[0] < '0' || number[0] > '9':
		return "0.0.0~devel"
	case !found:
		return number
	}
	return number + "~" + strings.ReplaceAll(pre, "-", ".")
}

// wheels has bindings/python package itself.
func (b *builder) wheels(ctx context.Context, p boards.Package) ([]string, error) {
	dir, err := b.packaged(ctx, p)
	if err != nil {
		return nil, err
	}
	st, err := readStamp(filepath.Join(dir, "tism"))
	if err != nil {
		return nil, err
	}
	script := filepath.Join(b.module.Dir, "bindings", "python", "package.sh")
	var names []string
	for _, kind := range []string{"wheel", "deb"} {
		out, err := command(ctx, "", []string{st.epoch()}, "bash", script, kind, p.Debian, b.out)
		if err != nil && b.python == "auto" && ctx.Err() == nil {
			lines := strings.Split(err.Error(), "\n")
			b.skip("Python for %s: %s (--python=always says all)", p.Debian, lines[len(lines)-1])
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		for file := range strings.Lines(out) {
			name := filepath.Base(strings.TrimSpace(file))
			b.add(artifact{path: name})
			names = append(names, name)
		}
	}
	return names, nil
}
