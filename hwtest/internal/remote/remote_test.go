//go:build unix

package remote

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDetect(t *testing.T) {
	tests := []struct{ uname, info, want string }{
		{"Linux aarch64\n", "", "arm64"},
		{"Linux x86_64", "", "amd64"},
		{"Linux armv7l", "", "armv7"},
		{"Linux armv8l", "", "armv7"},
		{"Linux armv6l", "Features : half thumb fastmult vfp", "armv6"},
		{"Linux armv6l", "Features : half thumb", "armv5"},
		{"Linux riscv64", "", "riscv64"},
		{"Linux i686", "", "386"},
		{"Linux mips", "", "--binary"},
		{"Darwin arm64", "", "need Linux"},
	}
	for _, test := range tests {
		b, err := Detect(test.uname, test.info)
		if got := b.Name; err == nil && got != test.want || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("Detect(%q) = %q, %v, want %q", test.uname, got, err, test.want)
		}
	}
}

// The board is a directory of this machine: ssh runs the command here, scp copies.
const fakeSSH = `#!/bin/sh
[ "$1" = -p ] && shift 2
[ "$1" = pi@flight ] || { echo "no host $1" >&2; exit 255; }
shift
case "$*" in uname*) echo "Linux armv7l"; exit;; esac
exec sh -c "$*"
`

const fakeSCP = `#!/bin/sh
for last; do :; done
for arg; do
  case "$arg" in -*) continue;; esac
  [ "$arg" = "$last" ] || cp "${arg#pi@flight:}" "${last#pi@flight:}" || exit 1
done
`

const fakeBinary = `#!/bin/sh
echo "ran with: $*"
echo "{}" >report.json
pwd >where
exit %s
`

func fake(t *testing.T, dir, name, text string) string {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func fakeRun(t *testing.T, status string) (Run, *bytes.Buffer, string) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir) // mktemp -d of the board
	var out bytes.Buffer
	bin := t.TempDir()
	return Run{
		Host: "pi@flight", SSH: []string{fake(t, bin, "ssh", fakeSSH), "-p", "22"}, SCP: []string{fake(t, bin, "scp", fakeSCP)},
		Args: []string{"--run", "it's|one word"}, Binary: fake(t, bin, "hwtest-armv7", strings.Replace(fakeBinary, "%s", status, 1)),
		Report: filepath.Join(bin, "report.json"), Stdout: &out, Stderr: &out,
	}, &out, dir
}

func TestRun(t *testing.T) {
	for _, status := range []string{"0", "1"} {
		r, out, dir := fakeRun(t, status)
		err := r.Do(t.Context())
		var exit *exec.ExitError
		if status == "0" && err != nil || status == "1" && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
			t.Errorf("exit status %s: %v\n%s", status, err, out)
		}
		if want := "ran with: --json report.json --run it's|one word\n"; !strings.Contains(out.String(), want) {
			t.Errorf("the board says %q, want %q", out, want)
		}
		if text, err := os.ReadFile(r.Report); err != nil || string(text) != "{}\n" {
			t.Errorf("the report: %q, %v", text, err)
		}
		if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
			t.Errorf("left on the board: %q", left)
		}
	}
}

func TestRunNoHost(t *testing.T) {
	r, _, _ := fakeRun(t, "0")
	r.Host = "nobody"
	if err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "asking nobody what it is") || !strings.Contains(err.Error(), "try") {
		t.Errorf("a host that is not there: %v", err)
	}
}
