package boards_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tism-go/tism/cross/boards"
)

func ExampleFind() {
	t, _ := boards.Find("rpi5")
	fmt.Println(t.Title)
	fmt.Println(t.GoBuild())

	_, err := boards.Find("jetson-nao")
	fmt.Println(err)
	// Output:
	// Raspberry Pi 5, 500, CM5
	// CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOARM64=v8.2 go build -trimpath -ldflags='-s -w'
	// unknown board "jetson-nao": did you mean jetson-nano?
}

func TestEveryBoardOfTheIssueIsThere(t *testing.T) {
	for name, want := range map[string]string{
		"Pi Zero": "arm-6", "Pi 1": "arm-6", "Pi 2": "arm-7", "Pi 3": "arm64-v8.0", "Pi 3-32": "arm-7",
		"Pi 4": "arm64-v8.0", "Pi 4-32": "arm-7", "Pi 5": "arm64-v8.2", "Pi 5-32": "arm-7",
		"Zero 2 W": "arm64-v8.0", "Zero 2 W-32": "arm-7",
		"BeagleBone Black": "arm-7", "Jetson Nano": "arm64-v8.0", "TX2": "arm64-v8.0", "Xavier": "arm64-v8.2",
		"Orin": "arm64-v8.2", "VisionFive 2": "riscv64-rva20u64", "amd64": "amd64-v1", "arm64": "arm64-v8.0",
		"armv5": "arm-5", "armv6": "arm-6", "armv7": "arm-7", "riscv64": "riscv64-rva20u64", "386": "386-sse2",
	} {
		board, err := boards.Find(name)
		if err != nil || board.Build() != want {
			t.Errorf("Find(%q).Build() = %q, %v, want %q", name, board.Build(), err, want)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	owner := map[string]string{}
	for _, b := range boards.All() {
		for _, name := range append([]string{b.Name}, b.Aliases...) {
			found, err := boards.Find(name)
			if err != nil || found.Name != b.Name {
				t.Errorf("Find(%q) = %s, %v, want %s", name, found.Name, err, b.Name)
			}
		}
		for _, c := range b.Compatible {
			if owner[c] != "" {
				t.Errorf("%s is %q's and %q's", c, owner[c], b.Name)
			}
			owner[c] = b.Name
		}
		systems := map[string]bool{}
		for _, s := range b.Systems {
			if systems[s.Name] {
				t.Errorf("%s has two systems %q", b.Name, s.Name)
			}
			systems[s.Name] = true
		}
	}
}

func TestTargetsAreComplete(t *testing.T) {
	triples := map[string]string{"amd64": "x86_64-linux-gnu", "i386": "i686-linux-gnu", "arm64": "aarch64-linux-gnu",
		"armhf": "arm-linux-gnueabi", "armel": "arm-linux-gnueabi", "riscv64": "riscv64-linux-gnu"}
	for _, b := range boards.All() {
		if b.Title == "" || b.GOOS != "linux" || b.GOARCH == "" || b.CPU == "" || len(b.PageSizes) == 0 || b.C.Package == "" {
			t.Errorf("%s lacks something: %+v", b.Name, b)
		}
		if len(b.Settings()) != 1 {
			t.Errorf("%s has the Go settings %v, want one", b.Name, b.Settings())
		}
		if !strings.HasPrefix(b.C.Triple, triples[b.Debian]) || triples[b.Debian] == "" {
			t.Errorf("%s is Debian's %q with the compiler %s", b.Name, b.Debian, b.C.Triple)
		}
		if lse := b.GOARM64 != "" && b.GOARM64 != "v8.0"; lse != b.LSE {
			t.Errorf("%s: LSE is %v, GOARM64 %q", b.Name, b.LSE, b.GOARM64)
		}
		if b.Generic == (len(b.Part) > 0) && b.GOARCH != "riscv64" {
			t.Errorf("%s: generic is %v, parts %v", b.Name, b.Generic, b.Part)
		}
		native := b.GOARCH == "amd64" || b.GOARCH == "386"
		if (b.User == nil) != native {
			t.Errorf("%s: stand-in is %v", b.Name, b.User)
		}
		for _, s := range b.Systems {
			if s.Kernel.Package == "" || s.PageSize == 0 || s.Console == "" || s.Seconds == 0 {
				t.Errorf("%s: system %s lacks something: %+v", b.Name, s.Name, s)
			}
		}
	}
}

func TestFindNamesNearBoards(t *testing.T) {
	for name, want := range map[string]string{
		"pi": "pi4", "jetson": "jetson-orin", "raspberrypi5": "pi5", "beaglebon": "beaglebone-black", "visionfive": "visionfive2",
		"armv8l": "arm64", "cortex-a76": "pi5", "toaster": "there are pi-zero, ", "": "there are pi-zero, ",
	} {
		_, err := boards.Find(name)
		if !errors.Is(err, boards.ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q) = %v, want an ErrUnknown that names %s", name, err, want)
		}
	}
}

func TestForCompatible(t *testing.T) {
	for _, test := range []struct {
		strs []string
		want string
	}{
		{[]string{"raspberrypi,5-model-b", "brcm,bcm2712"}, "pi5"},
		{[]string{"raspberrypi,model-zero-2-w", "brcm,bcm2837"}, "pi-zero2w"}, // a Pi 3's chip
		{[]string{"raspberrypi,2-model-b-rev2", "brcm,bcm2837"}, "pi2"},
		{[]string{"example,carrier-board", "nvidia,tegra234"}, "jetson-orin"}, // known by its chip alone
	} {
		if got, ok := boards.ForCompatible(test.strs); !ok || got.Name != test.want {
			t.Errorf("ForCompatible(%v) = %s, %v, want %s", test.strs, got.Name, ok, test.want)
		}
	}
	if got, ok := boards.ForCompatible([]string{"example,toaster"}); ok {
		t.Errorf("a toaster is taken for %s", got.Name)
	}
}

func TestBuildsCoverAll(t *testing.T) {
	var builds []string
	for _, b := range boards.Builds() {
		builds = append(builds, b.Build())
	}
	for _, b := range boards.All() {
		if !slices.Contains(builds, b.Build()) {
			t.Errorf("no build for %s (%s)", b.Name, b.Build())
		}
	}
	if len(builds) != 8 {
		t.Errorf("%d different builds: %v", len(builds), builds)
	}
}

// TestPackagesRunOnAllTheirBoards: a package is built for the least CPU of its architecture.
func TestPackagesRunOnAllTheirBoards(t *testing.T) {
	packages := boards.PackagesFor(boards.All())
	for _, b := range boards.All() {
		i := slices.IndexFunc(packages, func(p boards.Package) bool { return p.Debian == b.Debian })
		if i < 0 {
			t.Errorf("no package for %s (%s)", b.Name, b.Debian)
			continue
		}
		p := packages[i].Target()
		// "GOARM=6" and "GOARM64=v8.0" are less than "GOARM=7" and "GOARM64=v8.2".
		if p.GOARCH != b.GOARCH || p.Settings()[0] > b.Settings()[0] {
			t.Errorf("%s takes %s's package, built with %v for %v", b.Name, b.Debian, p.Settings(), b.Settings())
		}
	}
}
