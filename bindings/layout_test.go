//go:build linux

package bindings_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The layout of C is that of the page at compile time: what the page says becomes macros, and
// c/tests/layout.c asserts that the compiler agrees. (TestLayoutPage of package shm holds Go
// to the page.)
func TestLayoutOfC(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/LAYOUT.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/page.h", []byte(pageMacros(t, string(page))), 0o600); err != nil {
		t.Fatal(err)
	}
	forBuilds(t, func(t *testing.T, tc toolchain) {
		tc.needed(t)
		run(t, t.TempDir(), tc.cc, "-std=c11", "-fsyntax-only", "-Ic", "-I"+dir, "c/tests/layout.c")
	})
	t.Run("drift", func(t *testing.T) {
		native.needed(t)
		// Any offset that is another makes the compiler refuse.
		macros := pageMacros(t, string(page))
		for line := range strings.Lines(macros) {
			name, offset, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "#define "), " ")
			n, err := strconv.Atoi(offset)
			if err != nil {
				t.Fatal(err)
			}
			moved := strings.Replace(macros, line, fmt.Sprintf("#define %s %d\n", name, n+4), 1)
			drift := t.TempDir()
			if err := os.WriteFile(drift+"/page.h", []byte(moved), 0o600); err != nil {
				t.Fatal(err)
			}
			if !all && name != "PAGE_BUFFER_PAYLOAD" {
				continue // one is enough every day
			}
			if compile(native.cc, "-std=c11", "-fsyntax-only", "-Ic", "-I"+drift, "c/tests/layout.c") == nil {
				t.Errorf("layout.c compiles with %s moved by 4", name)
			}
		}
	})
}

func compile(argv ...string) error { return exec.Command(argv[0], argv[1:]...).Run() }

var (
	tableRow = regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]*) \| ?(.*)\|$`)
	areaRow  = regexp.MustCompile(`(?m)^\| (publisher words|control) \| (\d+) \|`)
	slotWord = regexp.MustCompile("(\\d+)(?:–\\d+)? `([a-z]+)`")
)

// pageMacros turns the tables of the page into macros like PAGE_HEADER_MAGIC.
func pageMacros(t *testing.T, page string) string {
	t.Helper()
	section := func(number string) string {
		_, rest, ok := strings.Cut(page, "\n## "+number+". ")
		if !ok {
			t.Fatalf("the page has no section %s", number)
		}
		text, _, _ := strings.Cut(rest, "\n## ")
		return text
	}
	var b strings.Builder
	define := func(area, name, offset string, scale int) {
		n, err := strconv.Atoi(offset)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "#define PAGE_%s_%s %d\n", area, macroName(name), n*scale)
	}
	for _, m := range areaRow.FindAllStringSubmatch(section("2"), -1) {
		define("AREA", strings.Fields(m[1])[0], m[2], 1)
	}
	for _, m := range tableRow.FindAllStringSubmatch(section("3"), -1) {
		define("HEADER", m[3], m[1], 1)
	}
	for _, m := range tableRow.FindAllStringSubmatch(section("4"), -1) {
		define("PUBLISHER", m[2], m[1], 1)
	}
	for _, m := range tableRow.FindAllStringSubmatch(section("5"), -1) {
		define("CONTROL", m[2], m[1], 1)
	}
	if !strings.Contains(section("5"), "| 128 + 64 × i | slot i |") {
		t.Error("section 5 places the slots elsewhere")
	}
	_, slots, _ := strings.Cut(section("5"), "A slot is 16 words:")
	slots, _, _ = strings.Cut(slots, "zero.")
	for _, m := range slotWord.FindAllStringSubmatch(slots, -1) {
		define("SLOT", m[2], m[1], 4)
	}
	for _, m := range tableRow.FindAllStringSubmatch(section("6"), -1) {
		define("BUFFER", m[3], m[1], 1)
	}
	return b.String()
}

// macroName is what a field is called up to the first comma or colon.
func macroName(name string) string {
	name = strings.ReplaceAll(name, "`", "")
	if i := strings.IndexAny(name, ",:"); i >= 0 {
		name = name[:i]
	}
	return strings.ToUpper(regexp.MustCompile(`[^A-Za-z]+`).ReplaceAllString(strings.Trim(name, " *"), "_"))
}
