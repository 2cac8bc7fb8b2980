// Package manual writes what a package of a cobra program installs beside it: man pages and
// completions for bash, zsh and fish. The programs import it under the build tag "manual" only,
// so that they carry none of it; cross runs them with that tag.
package manual

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// Write writes the program's files below dir as they lie below /usr/share. More is what the help
// of the program says beyond its description, as "Environment:". The pages' version is the root's,
// their date SOURCE_DATE_EPOCH's.
func Write(root *cobra.Command, more, dir string) error {
	if err := writeCompletions(root, dir); err != nil {
		return fmt.Errorf("writing completions: %w", err)
	}
	if err := writePages(root, more, filepath.Join(dir, "man", "man1")); err != nil {
		return fmt.Errorf("writing man pages: %w", err)
	}
	return nil
}

func writeCompletions(root *cobra.Command, dir string) error {
	for path, write := range map[string]func(*bytes.Buffer) error{
		"bash-completion/completions/" + root.Name():         func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"zsh/vendor-completions/_" + root.Name():             func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"fish/vendor_completions.d/" + root.Name() + ".fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
	} {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return err
		}
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writePages(root *cobra.Command, more, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.Long += "\n" + more
	prepare(root)
	header := &doc.GenManHeader{Section: "1", Source: strings.TrimSpace(root.Name() + " " + root.Version), Manual: "tism"}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return err
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return err
	}
	for _, page := range pages {
		if err := compress(page); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the help of a command and all below it fit for a page.
func prepare(cmd *cobra.Command) {
	cmd.DisableAutoGenTag = true // it has the day on which the page was made
	cmd.Long = verbatim(cmd.Long)
	for _, sub := range cmd.Commands() {
		prepare(sub)
	}
}

// verbatim turns help text into Markdown: lines that are indented keep their shape.
func verbatim(text string) string {
	var b strings.Builder
	var inside bool
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "  ") || inside && strings.HasPrefix(line, "\t")
		if indented != inside && strings.TrimSpace(line) != "" {
			b.WriteByte('\n')
			inside = indented
		}
		if indented {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}

// compress replaces a page with what Debian wants: gzip -9n.
func compress(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(page+".gz", packed.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Remove(page)
}
