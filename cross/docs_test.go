package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
)

// docLines are the lines of docs/CROSS.md that build for each board: boards with the same
// settings share one.
func docLines() string {
	var b strings.Builder
	for _, build := range boards.Builds() {
		var names []string
		for _, t := range boards.All() {
			if t.Build() == build.Build() {
				names = append(names, t.Name)
			}
		}
		fmt.Fprintf(&b, "# %s\n%s -o autopilot ./cmd/autopilot\n", strings.Join(names, ", "), build.GoBuild())
	}
	return b.String()
}

func TestDocumentedBuildLinesAreTheTables(t *testing.T) {
	doc, err := os.ReadFile("../docs/CROSS.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := docLines(); !strings.Contains(string(doc), want) {
		t.Errorf("docs/CROSS.md must have these lines:\n%s", want)
	}
	for name := range toolchains {
		if !strings.Contains(string(doc), "cross/cmake/"+name+".cmake") {
			t.Errorf("docs/CROSS.md does not name cross/cmake/%s.cmake", name)
		}
	}
}
