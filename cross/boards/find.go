package boards

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknown is what Find's error wraps when no target has the name.
var ErrUnknown = errors.New("unknown board")

// All are the targets in the order in which lists show them: boards, then generic ones.
func All() []Target { return slices.Clone(table) }

// Find is the target of that name or alias; case and separators don't count. Its error
// matches ErrUnknown and lists the names that come near.
func Find(name string) (Target, error) {
	for _, t := range table {
		if t.Matches(name) {
			return t, nil
		}
	}
	return Target{}, fmt.Errorf("%w %q: %s", ErrUnknown, name, suggestion(name))
}

// ForCompatible is the target that one of the device tree's root "compatible" strings
// names, as they stand there: the most specific first. It reports false when the table
// knows none of them.
func ForCompatible(strs []string) (Target, bool) {
	for _, s := range strs {
		for _, t := range table {
			if slices.Contains(t.Compatible, s) {
				return t, true
			}
		}
	}
	return Target{}, false
}

// Builds are the targets that stand for all others: the first of each set of Go settings.
func Builds() []Target {
	var first []Target
	for _, t := range table {
		if !slices.ContainsFunc(first, func(f Target) bool { return f.Build() == t.Build() }) {
			first = append(first, t)
		}
	}
	return first
}

func suggestion(name string) string {
	if near := Near(name); len(near) > 0 {
		return "did you mean " + strings.Join(near, ", ") + "?"
	}
	names := make([]string, len(table))
	for i, t := range table {
		names[i] = t.Name
	}
	return "there are " + strings.Join(names, ", ")
}

// Near are up to twelve names of targets that look like name, the nearest first.
func Near(name string) []string {
	const most = 12
	type candidate struct {
		name     string
		distance int
	}
	var all []candidate
	key := fold(name)
	if key == "" {
		return nil
	}
	for _, t := range table {
		best := candidate{t.Name, 1 << 30}
		for _, n := range append([]string{t.Name, t.CPU}, t.Aliases...) {
			best.distance = min(best.distance, near(key, fold(n)))
		}
		if best.distance <= max(2, len(key)/4) {
			all = append(all, best)
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := make([]string, 0, most)
	for _, c := range all[:min(most, len(all))] {
		names = append(names, c.name)
	}
	return names
}

// near is how unlike two folded names are; a name that holds the other is near.
func near(a, b string) int {
	if len(a) >= 2 && (strings.Contains(b, a) || len(b) >= 3 && strings.Contains(a, b)) {
		return 1
	}
	return distance(a, b)
}

// distance is Levenshtein's: the number of letters to add, drop or change.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
