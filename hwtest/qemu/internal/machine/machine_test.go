package machine

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/hwtest/qemu/internal/guest"
	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
)

func TestArgs(t *testing.T) {
	for _, test := range []struct{ board, system, want string }{
		{"pi3", "raspi3b", "-M raspi3b -accel tcg,thread=single -m 1024 -nic none -display none -monitor none -no-reboot " +
			"-kernel vmlinuz -initrd a.cpio -dtb bcm2837-rpi-3-b.dtb -serial null -serial stdio -append console=ttyS1,115200 quiet panic=-1 rdinit=/init"},
		{"pi-zero", "raspi0", "-M raspi0 -icount shift=3 -m 512 -nic none -display none -monitor none -no-reboot " +
			"-kernel vmlinuz -initrd a.cpio -dtb bcm2835-rpi-zero.dtb -serial stdio -append console=ttyAMA0 quiet panic=-1 rdinit=/init initcall_blacklist=bcm2835_power_driver_init"},
	} {
		board, err := boards.Find(test.board)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(board.Systems, func(s boards.System) bool { return s.Name == test.system })
		if i < 0 {
			t.Fatalf("%s has no %s", test.board, test.system)
		}
		if got := strings.Join(Args(board.Systems[i], kernels.Image{Kernel: "vmlinuz"}, "a.cpio"), " "); got != test.want {
			t.Errorf("%s: Args = %q, want %q", test.system, got, test.want)
		}
	}
}

func TestTheConsoleTellsMarkersFromOutput(t *testing.T) {
	var out bytes.Buffer
	var events []string
	report := Report{Facts: map[string]string{}}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	c := &console{token: "T", report: &report, deadline: timer, done: func() { events = append(events, "done") },
		plan: guest.Plan{Jobs: []guest.Job{{Name: "one", Timeout: time.Minute}}},
		watch: Watch{Output: &out,
			Begin: func(int) { events = append(events, "begin") },
			End:   func(_ int, r Result) { events = append(events, "end") }}}
	text := "booting\r\n" + guest.Marker{Kind: guest.Fact, Text: "page 16384"}.Line("T") + "\r\n" +
		guest.Marker{Kind: guest.Begin}.Line("T") + "\r\n@tism T garbled\r\nPASS" +
		guest.Marker{Kind: guest.End, Code: 3, Took: time.Second}.Line("T") + "\r\n" +
		guest.Marker{Kind: guest.Done}.Line("T") + "\r\nlast"
	for i := range text { // as a serial line delivers it
		if _, err := c.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	c.flush()
	if got, want := out.String(), "booting\n@tism T garbled\nPASS\nlast"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	if got := strings.Join(events, " "); got != "begin end done" || !c.finished {
		t.Errorf("events %q, finished %v", got, c.finished)
	}
	if report.Facts["page"] != "16384" || len(report.Results) != 1 || report.Results[0] != (Result{Code: 3, Took: time.Second}) {
		t.Errorf("report %+v", report)
	}
}

func TestAMissingEmulatorSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Find("qemu-system-aarch64", "qemu-system-arm")
	if !errors.Is(err, ErrNoEmulator) || !strings.Contains(err.Error(), "apt-get install qemu-system-arm") {
		t.Errorf("Find = %v", err)
	}
}
