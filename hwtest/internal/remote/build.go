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

// A Build is how hwtest is built for a board.
type Build struct {
	Name string // of the file: hwtest-NAME
	Env  []string
	Peer *Build // for the other word size on the same kernel
}

var (
	armv7   = Build{Name: "armv7", Env: []string{"GOARCH=arm", "GOARM=7"}}
	armv6   = Build{Name: "armv6", Env: []string{"GOARCH=arm", "GOARM=6"}}
	armv5   = Build{Name: "armv5", Env: []string{"GOARCH=arm", "GOARM=5"}}
	arm64   = Build{Name: "arm64", Env: []string{"GOARCH=arm64", "GOARM64=v8.0"}, Peer: &armv7}
	x86     = Build{Name: "386", Env: []string{"GOARCH=386"}}
	amd64   = Build{Name: "amd64", Env: []string{"GOARCH=amd64", "GOAMD64=v1"}, Peer: &x86}
	riscv64 = Build{Name: "riscv64", Env: []string{"GOARCH=riscv64"}}
)

// Detect tells the build for a board by its `uname -s -m` and /proc/cpuinfo.
func Detect(uname, cpuinfo string) (Build, error) {
	system, machine, _ := strings.Cut(strings.TrimSpace(uname), " ")
	if system != "Linux" {
		return Build{}, fmt.Errorf("it runs %q: topics need Linux", system)
	}
	switch machine {
	case "aarch64":
		return arm64, nil
	case "x86_64":
		return amd64, nil
	case "i386", "i486", "i586", "i686":
		return x86, nil
	case "riscv64":
		return riscv64, nil
	case "armv7l", "armv8l":
		return armv7, nil
	case "armv6l":
		return withVFP(cpuinfo), nil
	case "armv5tel", "armv5tejl":
		return armv5, nil
	}
	return Build{}, fmt.Errorf("there is no build for %q: give one with --binary", machine)
}

// withVFP: Go's GOARM=6 needs a floating-point unit.
func withVFP(cpuinfo string) Build {
	if cpuinfo != "" && !strings.Contains(cpuinfo, "vfp") {
		return armv5
	}
	return armv6
}

// find takes the binary beside this program, or builds one in dir.
func (b Build) find(ctx context.Context, dir string, log io.Writer) (string, error) {
	name := "hwtest-" + b.Name
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), name)
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path := filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/tism-go/tism/hwtest")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), b.Env...)
	cmd.Stderr = log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building %s: %w: put %s beside this program, give --binary, or run this in tism's source tree with Go installed", name, err, name)
	}
	return path, nil
}
