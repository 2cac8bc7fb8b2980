// Package remote runs hwtest on a board over ssh.
package remote

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Run is a run on a board. SSH and SCP are command lines, so that ports and keys can be given.
type Run struct {
	Host     string
	SSH, SCP []string
	Args     []string
	Binary   string // "": one beside this program, or built
	Report   string // local file for the report
	Stdout   io.Writer
	Stderr   io.Writer
}

// Do copies hwtest to the board, runs it there, fetches the report and removes what it copied. A board
// that fails its tests is an *exec.ExitError, after the report was fetched.
func (r Run) Do(ctx context.Context) error {
	b, err := r.detect(ctx)
	if err != nil {
		return err
	}
	build, err := os.MkdirTemp("", "hwtest-")
	if err != nil {
		return fmt.Errorf("making a directory for the build: %w", err)
	}
	defer os.RemoveAll(build)
	files, err := r.binaries(ctx, b, build)
	if err != nil {
		return err
	}
	dir, err := r.capture(ctx, "mktemp -d")
	if err != nil {
		return fmt.Errorf("making a directory on %s: %w", r.Host, err)
	}
	if dir = strings.TrimSpace(dir); !strings.HasPrefix(dir, "/") || strings.ContainsAny(dir, " '\n") {
		return fmt.Errorf("making a directory on %s: mktemp says %q", r.Host, dir)
	}
	defer func() { _, _ = r.capture(context.WithoutCancel(ctx), "rm -rf "+quote(dir)) }()
	if err := r.scp(ctx, append(files, r.Host+":"+dir+"/")...); err != nil {
		return fmt.Errorf("copying hwtest to %s: %w", r.Host, err)
	}
	run := r.run(ctx, dir, filepath.Base(files[0]))
	if err := r.scp(ctx, r.Host+":"+dir+"/report.json", r.Report); err != nil {
		if run != nil {
			return fmt.Errorf("running hwtest on %s: %w (and no report to fetch)", r.Host, run)
		}
		return fmt.Errorf("fetching the report from %s: %w", r.Host, err)
	}
	fmt.Fprintf(r.Stderr, "report: %s\n", r.Report)
	if run != nil {
		return fmt.Errorf("running hwtest on %s: %w", r.Host, run)
	}
	return nil
}

func (r Run) detect(ctx context.Context) (Build, error) {
	text, err := r.capture(ctx, "uname -s -m; cat /proc/cpuinfo")
	if err != nil {
		return Build{}, fmt.Errorf("asking %s what it is: %w: try `%s %s true`", r.Host, err, strings.Join(r.SSH, " "), r.Host)
	}
	uname, info, _ := strings.Cut(text, "\n")
	b, err := Detect(uname, info)
	if err != nil {
		return b, fmt.Errorf("%s: %w", r.Host, err)
	}
	fmt.Fprintf(r.Stderr, "%s is %s: build %s\n", r.Host, strings.TrimSpace(uname), b.Name)
	return b, nil
}

// binaries returns the files to copy, the one to run first.
func (r Run) binaries(ctx context.Context, b Build, dir string) ([]string, error) {
	if r.Binary != "" {
		return []string{r.Binary}, nil
	}
	main, err := b.find(ctx, dir, r.Stderr)
	if err != nil {
		return nil, err
	}
	files := []string{main}
	if b.Peer != nil { // for the test that mixes word sizes
		if peer, err := b.Peer.find(ctx, dir, r.Stderr); err == nil {
			files = append(files, peer)
		}
	}
	return files, nil
}

func (r Run) run(ctx context.Context, dir, name string) error {
	words := []string{"cd", quote(dir), "&&", "./" + quote(name), "--json", "report.json"}
	for _, a := range r.Args {
		words = append(words, quote(a))
	}
	cmd := r.ssh(ctx, strings.Join(words, " "))
	cmd.Stdout, cmd.Stderr = r.Stdout, r.Stderr
	return cmd.Run()
}

func (r Run) ssh(ctx context.Context, command string) *exec.Cmd {
	return exec.CommandContext(ctx, r.SSH[0], append(append([]string{}, r.SSH[1:]...), r.Host, command)...)
}

func (r Run) capture(ctx context.Context, command string) (string, error) {
	cmd := r.ssh(ctx, command)
	cmd.Stderr = r.Stderr
	out, err := cmd.Output()
	return string(out), err
}

func (r Run) scp(ctx context.Context, args ...string) error {
	words := append(append([]string{}, r.SCP[1:]...), append([]string{"-q"}, args...)...)
	cmd := exec.CommandContext(ctx, r.SCP[0], words...)
	cmd.Stderr = r.Stderr
	return cmd.Run()
}

// quote makes one word of a text for the board's shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
