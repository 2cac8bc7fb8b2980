package kernels

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// An apt is apt with a state, a source and an architecture of its own.
type apt struct{ dir, config string }

func newApt(dir, mirror, suite, arch string) (apt, error) {
	a := apt{dir, filepath.Join(dir, "apt.conf")}
	if _, err := os.Stat(keyring); err != nil {
		return a, fmt.Errorf("looking for Debian's keys: %w; apt-get install debian-archive-keyring", err)
	}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return a, err
		}
	}
	for name, text := range map[string]string{
		"apt.conf":     a.settings(arch),
		"sources.list": fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, suite),
		"status":       "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return a, err
		}
	}
	return a, nil
}

// settings are read after the host's own, so proxies and the like stay as they are. Hooks
// of the host are for its own lists, and some need root.
func (a apt) settings(arch string) string {
	return fmt.Sprintf(`Dir::State "%[1]s/state";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s/cache";
Dir::Etc::sourcelist "%[1]s/sources.list";
Dir::Etc::sourceparts "/dev/null";
#clear APT::Architectures;
APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Sandbox::User "";
APT::Get::List-Cleanup "0";
#clear APT::Update;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
Acquire::Languages "none";
Acquire::Retries "2";
`, a.dir, arch)
}

func (a apt) update(ctx context.Context) error {
	_, err := a.run(ctx, "apt-get", "-q", "-c", a.config, "-o", "APT::Update::Error-Mode=any", "update")
	return err
}

func (a apt) depends(ctx context.Context, name string) (string, error) {
	return a.run(ctx, "apt-cache", "-c", a.config, "depends", name)
}

// download puts a package into the directory and returns its path.
func (a apt) download(ctx context.Context, name string) (string, error) {
	if _, err := a.run(ctx, "apt-get", "-q", "-c", a.config, "download", name); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, name+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("downloading %s: apt-get left %d files", name, len(debs))
	}
	return debs[0], nil
}

func (a apt) run(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, perStep)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, mistakes bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &mistakes
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, args[len(args)-1], err, complaint(mistakes.String()))
	}
	return out.String(), nil
}

// complaint is what apt says is wrong, without what it says besides.
func complaint(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "E: ") {
			lines = append(lines, strings.TrimPrefix(line, "E: "))
		}
	}
	if len(lines) == 0 {
		return strings.TrimSpace(text)
	}
	return strings.Join(lines, "; ")
}

var kernelPackage = regexp.MustCompile(`^linux-(image|binary)-[a-z0-9.+~-]+$`)

// dependencies are the kernel packages that "apt-cache depends" names as needed, the
// likelier ones to hold the image first. Newer Debians split images from what they
// belong to (linux-binary-*).
func dependencies(text string) (names []string) {
	for line := range strings.Lines(text) {
		kind, name, ok := strings.Cut(strings.TrimLeft(line, " |"), ":")
		name = strings.TrimSpace(name)
		if ok && (kind == "Depends" || kind == "PreDepends") && kernelPackage.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return strings.Compare(a[:len("linux-b")], b[:len("linux-b")])
	})
	return names
}

var suites = regexp.MustCompile(`^(bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)$`)

// mirror is the archive to fetch from.
func (c Cache) mirror(ctx context.Context) (string, error) {
	if c.Mirror != "" {
		return c.Mirror, nil
	}
	ctx, cancel := context.WithTimeout(ctx, perStep)
	defer cancel()
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--no-release-info",
		"--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)").Output()
	if err != nil {
		return "", fmt.Errorf("asking apt-get for its Debian mirror: %w", err)
	}
	if uri := debianMirror(string(out)); uri != "" {
		return uri, nil
	}
	return "", fmt.Errorf("%w: this host's apt has no Debian archive among its sources; pass one with --mirror URL", ErrMissing)
}

// debianMirror finds Debian's own archive among apt's index targets.
func debianMirror(targets string) string {
	for line := range strings.Lines(targets) {
		f := strings.Fields(line)
		if len(f) == 4 && f[0] == "Packages" && suites.MatchString(f[1]) && f[2] == "main" {
			return f[3]
		}
	}
	return ""
}
