package term

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0 ns"},
		{999, "999 ns"},
		{1500, "1.5 µs"},
		{38 * time.Microsecond, "38 µs"},
		{1234 * time.Microsecond, "1.2 ms"},
		{812 * time.Millisecond, "812 ms"},
		{9949 * time.Millisecond, "9.9 s"},
		{59 * time.Second, "59 s"},
		{61 * time.Second, "1 min 1 s"},
		{25*time.Hour + 3*time.Minute, "25 h 3 min"},
	}
	for _, test := range tests {
		if got := Duration(test.d); got != test.want {
			t.Errorf("Duration(%d) = %q, want %q", test.d, got, test.want)
		}
	}
}

func TestBytes(t *testing.T) {
	tests := []struct {
		n    float64
		want string
	}{
		{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {12345, "12 kB"}, {999.9e3, "1.0 MB"}, {443e6, "443 MB"}, {5e9, "5.0 GB"}, {2e15, "2000 TB"},
	}
	for _, test := range tests {
		if got := Bytes(test.n); got != test.want {
			t.Errorf("Bytes(%v) = %q, want %q", test.n, got, test.want)
		}
	}
}

func TestSpark(t *testing.T) {
	got := Spark([]float64{0, 0.5, 1, math.NaN(), -5, 99, math.Inf(1)}, 0, 1)
	if want := "▁▅█ ▁██"; got != want {
		t.Errorf("Spark = %q, want %q", got, want)
	}
}

func TestTable(t *testing.T) {
	var table Table
	table.Row("NAME", "N", "LAST")
	table.Row("µ", Paint(true).Red("100"), "x")
	table.Text("broken", "runs across all columns")
	table.Row("", "1", "")
	table.Right(1)
	want := []string{
		"NAME      N  LAST",
		"µ       \x1b[31m100\x1b[0m  x",
		"broken  runs across all columns",
		"          1",
	}
	if got := table.Lines(); !slices.Equal(got, want) {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
}

func TestCut(t *testing.T) {
	red := "\x1b[31m"
	tests := []struct {
		line string
		cols int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "longe" + reset},
		{"°°°°", 2, "°°" + reset},
		{red + "red" + reset + " and not", 3, red + "red" + reset},
		{red + "red" + reset, 3, red + "red" + reset},
		{"anything", 0, reset},
	}
	for _, test := range tests {
		if got := Cut(test.line, test.cols); got != test.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", test.line, test.cols, got, test.want)
		}
	}
}

// A file is no terminal; what is drawn to it is for 80 columns.
func TestScreen(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/screen")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if Is(f) {
		t.Error("a file is taken for a terminal")
	}
	s := NewScreen(f)
	for _, picture := range [][]string{{"one", strings.Repeat("x", 100)}, slices.Repeat([]string{"y"}, 50), {"z"}} {
		if err := s.Draw(picture); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	pictures := strings.Split(string(got), hideCursor)[1:]
	want := []string{
		"\rone\x1b[K\n\r" + strings.Repeat("x", 80) + reset + "\x1b[K\n\x1b[J",
		"\x1b[2A" + strings.Repeat("\ry\x1b[K\n", 23) + "\x1b[J",
		"\x1b[23A\rz\x1b[K\n\x1b[J" + showCursor,
	}
	if !slices.Equal(pictures, want) {
		t.Errorf("got:\n%q\nwant:\n%q", pictures, want)
	}
}
