package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

const (
	sbomFile = "sbom.cdx.json"
	sumsFile = "SHA256SUMS"
)

// An artifact is a file that this run made.
type artifact struct {
	path     string    // below the directory of the results, with slashes
	programs []string  // the Go programs that it holds, itself if it is one: files to read
	lib      *cLibrary // the C library that it holds or is of
}

func (b *builder) add(a artifact) { b.made = append(b.made, a) }

// list writes the bill of materials and the checksums.
func (b *builder) list() error {
	slices.SortFunc(b.made, func(x, y artifact) int { return strings.Compare(x.path, y.path) })
	sums := map[string]string{}
	bom := newBill()
	for _, a := range b.made {
		sum, err := sumFile(filepath.Join(b.out, a.path))
		if err != nil {
			return fmt.Errorf("summing up: %w", err)
		}
		sums[a.path] = sum
		if err := bom.add(a, sum); err != nil {
			return fmt.Errorf("listing what is in %s: %w", a.path, err)
		}
	}
	text, err := bom.encode()
	if err != nil {
		return fmt.Errorf("encoding the bill of materials: %w", err)
	}
	sums[sbomFile] = hex.EncodeToString(sha256Of(text))
	if err := os.WriteFile(filepath.Join(b.out, sbomFile), text, 0o644); err != nil {
		return err
	}
	var lines strings.Builder
	for _, a := range append(b.made, artifact{path: sbomFile}) {
		fmt.Fprintf(&lines, "%s  %s\n", sums[a.path], a.path)
	}
	return os.WriteFile(filepath.Join(b.out, sumsFile), []byte(lines.String()), 0o644)
}

func sha256Of(data []byte) []byte {
	sum := sha256.Sum256(data)
	return sum[:]
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A bill is a bill of materials in the making: files, then what is in them.
type bill struct {
	main       cdx.Component
	time       time.Time
	components map[string]cdx.Component // by reference
	uses       map[string][]string      // reference -> what it holds
}

func newBill() *bill {
	return &bill{components: map[string]cdx.Component{}, uses: map[string][]string{}}
}

func (l *bill) add(a artifact, sum string) error {
	c := cdx.Component{BOMRef: a.path, Type: cdx.ComponentTypeFile, Name: a.path, Hashes: sha256Hash(sum)}
	for _, program := range a.programs {
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return err
		}
		if err := l.setMain(program, info); err != nil {
			return err
		}
		if len(a.programs) == 1 {
			c.Type, c.Version, c.Properties = cdx.ComponentTypeApplication, info.Main.Version, settings(info)
		}
		l.use(a.path, goComponent(&debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}))
		for _, m := range info.Deps {
			l.use(a.path, goComponent(m))
		}
	}
	if a.lib != nil {
		l.use(a.path, libComponent(a.lib))
	}
	l.components[a.path] = c
	return nil
}

// use notes that a file holds a component.
func (l *bill) use(path string, c cdx.Component) {
	l.components[c.BOMRef] = c
	if !slices.Contains(l.uses[path], c.BOMRef) {
		l.uses[path] = append(l.uses[path], c.BOMRef)
	}
}

// setMain takes what the bill is of from its first program.
func (l *bill) setMain(program string, info *debug.BuildInfo) error {
	if l.main.Name != "" {
		return nil
	}
	st, err := readStamp(program)
	if err != nil {
		return err
	}
	l.time = st.time
	l.main = goComponent(&info.Main)
	l.main.Type, l.main.Version = cdx.ComponentTypeApplication, info.Main.Version
	return nil
}

func (l *bill) encode() ([]byte, error) {
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{}
	if l.main.Name != "" {
		bom.Metadata.Component = &l.main
	}
	if !l.time.IsZero() {
		bom.Metadata.Timestamp = l.time.Format(time.RFC3339)
	}
	components, dependencies := []cdx.Component{}, []cdx.Dependency{}
	for _, ref := range slices.Sorted(maps.Keys(l.components)) {
		components = append(components, l.components[ref])
		if uses := l.uses[ref]; len(uses) > 0 {
			slices.Sort(uses)
			dependencies = append(dependencies, cdx.Dependency{Ref: ref, Dependencies: &uses})
		}
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	var out bytes.Buffer
	err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
	return out.Bytes(), err
}

func goComponent(m *debug.Module) cdx.Component {
	if m.Replace != nil {
		m = m.Replace
	}
	url := "pkg:golang/" + m.Path
	if m.Version != "" && m.Version != "(devel)" {
		url += "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	}
	c := cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url}
	// go.sum's hash, as other tools for Go list it: of a list of the module's files and their sums.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		c.Hashes = sha256Hash(hex.EncodeToString(sum))
	}
	return c
}

// settings are those of a program's build that decide where it runs, and its commit.
func settings(info *debug.BuildInfo) *[]cdx.Property {
	var list []cdx.Property
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || strings.HasPrefix(s.Key, "vcs.") {
			list = append(list, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
		}
	}
	return &list
}

func libComponent(l *cLibrary) cdx.Component {
	flags := strings.Join(l.c.Flags, " ")
	return cdx.Component{
		BOMRef: strings.TrimSpace("libtism " + l.c.Triple + " " + flags), Type: cdx.ComponentTypeLibrary, Name: "libtism", Version: l.version,
		Properties: &[]cdx.Property{{Name: "c:compiler", Value: l.compiler}, {Name: "c:flags", Value: flags}},
	}
}

func sha256Hash(sum string) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
}
