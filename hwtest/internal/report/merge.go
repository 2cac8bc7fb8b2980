package report

import "slices"

// Merge makes one result of a test's rounds: the worst outcome with its reason, the median of each
// figure beside its worst, the histogram of all.
func Merge(rounds []Test) Test {
	t := rounds[len(rounds)-1]
	if len(rounds) == 1 {
		return t
	}
	t.Rounds, t.Failed, t.Seconds = len(rounds), 0, 0
	for _, r := range slices.Backward(rounds) {
		t.Seconds += r.Seconds
		if r.Outcome == Fail {
			t.Failed++
			t.Outcome, t.Reason, t.Notes = Fail, r.Reason, r.Notes
		}
	}
	figures := slices.Clone(t.Figures)
	for i := range figures {
		figures[i] = mergeFigure(figures[i], rounds)
	}
	t.Figures = figures
	return t
}

func mergeFigure(f Figure, rounds []Test) Figure {
	var values []float64
	for _, r := range rounds {
		for _, g := range r.Figures {
			if g.Name == f.Name {
				values = append(values, g.Value)
			}
		}
	}
	f.Value = median(values)
	switch f.Better {
	case Lower:
		f.Worst = slices.Max(values)
	case Higher:
		f.Worst = slices.Min(values)
	}
	return f
}

// median returns the middle value, 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
