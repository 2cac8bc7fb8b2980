//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/tism-go/tism/shm"
)

func TestInfoOfStruct(t *testing.T) {
	topicDir(t)
	createPose(t, "pose")
	in := closing(t, must[*shm.Consumer[pose]](t)(shm.Open[pose]("pose")), nil)
	guard := must[shm.ReadGuard[pose]](t)(in.RLock())
	defer guard.Unlock()
	checkText(t, mustTism(t, "info", "pose"), `
topic  pose
file  DIR/pose, mode 0600, uid N
memory  M for 4 buffers of 104 bytes, 128 slots for consumers
type  pose (104 B)
publisher  alive CMD (PID N)
consumers  1 slot taken
  slot 0: CMD (PID N), holds a guard
writes  1 by this publisher, 1 in all
age  T since the newest was published, T since its sample
value  number 1, 104 bytes

OFFSET  FIELD  TYPE  VALUE
  0  time_us  u64  9223372036854775808
  8  q  f32[4]  [0.5 -1 0 1e-09]
  24  grid  i16[2][3]  [[1 2 3] [-4 5 6]]
  36  zeros  u8[40]  [0 ×40]
  76  label  u8[12]  "body"
  88  ok  bool  true
  96  big  f64  442753813
`)
}

func TestInfoOfBytes(t *testing.T) {
	topicDir(t)
	pub := closing(t, must[*shm.BytesPublisher](t)(shm.CreateBytes("frame", 1000, nil)), nil)
	if out := mustTism(t, "info", "frame"); !strings.Contains(out, "no value: nothing was published yet") {
		t.Errorf("info of an empty topic:\n%s", out)
	}
	if err := pub.Write([]byte("hello, \x00\xff topic")); err != nil {
		t.Fatal(err)
	}
	want := "\n\n00000000  68 65 6c 6c 6f 2c 20 00  ff 20 74 6f 70 69 63     |hello, .. topic|\n"
	if out := mustTism(t, "info", "frame"); !strings.HasSuffix(out, want) {
		t.Errorf("info of bytes:\n%s\nwant at the end:\n%s", out, want)
	}
	if err := pub.Write(make([]byte, 300)); err != nil {
		t.Fatal(err)
	}
	if out := mustTism(t, "info", "frame"); !strings.HasSuffix(out, "… 44 more bytes\n") {
		t.Errorf("info of many bytes:\n%s", out)
	}
	if err := pub.Write(nil); err != nil {
		t.Fatal(err)
	}
	if out := mustTism(t, "info", "frame"); !strings.HasSuffix(out, "\n\n(empty)\n") {
		t.Errorf("info of no bytes:\n%s", out)
	}
}

func TestInfoOfMessagePack(t *testing.T) {
	topicDir(t)
	pub, err := shm.CreateBytes("status", 64, []byte("\x81\xa5volts\x92\x01\x02"), shm.WithType(shm.Type{Kind: shm.MessagePack}))
	closing(t, pub, err)
	var flat strings.Builder
	for line := range strings.Lines(mustTism(t, "info", "status")) {
		flat.WriteString(strings.TrimSpace(line))
	}
	if want := `{"volts": [1,2]}`; !strings.HasSuffix(flat.String(), want) {
		t.Errorf("info of MessagePack = %s, want %s at the end", flat.String(), want)
	}
	// What is no MessagePack is shown as the bytes that it is.
	if err := pub.Write([]byte("\xc1broken")); err != nil {
		t.Fatal(err)
	}
	if out := mustTism(t, "info", "status"); !strings.HasSuffix(out, "|.broken|\n") {
		t.Errorf("info of broken MessagePack:\n%s", out)
	}
	var d struct {
		Value any
		Error string `json:"value_error"`
	}
	decode(t, mustTism(t, "info", "--json", "status"), &d)
	if d.Value != nil || !strings.Contains(d.Error, "decoding MessagePack") {
		t.Errorf("info --json of broken MessagePack = %+v", d)
	}
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}

type odd struct {
	F32  float32
	F64  float64
	C    complex64
	Grid [2][2]struct {
		A uint8
		B int32
	}
}

func TestInfoJSON(t *testing.T) {
	topicDir(t)
	var v odd
	v.F32 = 0.1
	v.F64 = 1 / zero
	v.C = complex(1, 2)
	v.Grid[1][0].B = -7
	closing(t, must[*shm.Publisher[odd]](t)(shm.Create("odd", v)), nil)
	var d struct {
		Value     json.RawMessage
		Number    int
		Publisher struct{ PID int }
		Type      struct{ Fields []struct{ Name, Type string } }
	}
	decode(t, mustTism(t, "info", "odd", "--json"), &d)
	var value strings.Builder
	for _, word := range strings.Fields(string(d.Value)) {
		value.WriteString(word)
	}
	want := `{"f32":0.1,"f64":null,"c":[1,2],"grid.a":[[0,0],[0,0]],"grid.b":[[0,0],[-7,0]]}`
	if value.String() != want {
		t.Errorf("value = %s, want %s", value.String(), want)
	}
	if d.Number != 1 || d.Publisher.PID != os.Getpid() || len(d.Type.Fields) != 5 || d.Type.Fields[4].Type != "i32[2][2:8]" {
		t.Errorf("info --json = %+v", d)
	}
}

var zero float64

// A closed topic, and one whose publisher was gone in the middle of a write of its
// only buffer, can be looked at all the same.
func TestInfoWithoutPublisher(t *testing.T) {
	topicDir(t)
	if err := must[*shm.Publisher[float64]](t)(shm.Create("gone", 1.5)).Close(); err != nil {
		t.Fatal(err)
	}
	out := masked(mustTism(t, "info", "gone"))
	for _, want := range []string{"publisher  closed CMD (PID N)\n", "value  f64  1.5\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("info of a closed topic lacks %q:\n%s", want, out)
		}
	}
	tear(t, "torn")
	for _, args := range [][]string{{"info", "torn"}, {"ls"}} {
		if out := mustTism(t, args...); !strings.Contains(out, "value torn") {
			t.Errorf("%v of a torn topic:\n%s", args, out)
		}
	}
	if out := mustTism(t, "info", "torn"); !strings.Contains(out, "no value: its publisher died while it wrote") {
		t.Errorf("info of a torn topic:\n%s", out)
	}
}

// tear makes a topic with one buffer whose publisher is gone in the middle of a write.
func tear(t *testing.T, name string) {
	t.Helper()
	pub := must[*shm.Publisher[float64]](t)(shm.Create(name, 1.5, shm.Buffers(1)))
	defer pub.Close()
	defer func() { _ = recover() }()
	_ = pub.Update(func(*float64) { panic("in the middle") })
}

func TestInfoTakesNoSlot(t *testing.T) {
	topicDir(t)
	createPose(t, "pose", shm.Slots(1))
	closing(t, must[*shm.Consumer[pose]](t)(shm.Open[pose]("pose")), nil)
	if out := mustTism(t, "info", "pose"); !strings.Contains(out, "1 slot taken") {
		t.Errorf("info of a topic without free slots:\n%s", out)
	}
}

func TestInfoWatch(t *testing.T) {
	dir := topicDir(t)
	pub := createPose(t, "pose")
	cmd := command(t, dir, "info", "--watch", "--json", "pose")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for want := uint64(1); want <= 3; want++ {
		var d struct {
			Number uint64
			Value  struct {
				TimeUS uint64 `json:"time_us"`
			}
		}
		if !lines.Scan() {
			t.Fatalf("no line for value %d: %v", want, lines.Err())
		}
		decode(t, lines.Text(), &d)
		if d.Number != want || want > 1 && d.Value.TimeUS != want {
			t.Fatalf("line %d: %+v", want, d)
		}
		if err := pub.Write(pose{TimeUS: want + 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("info --watch after SIGINT: %v", err)
	}
}
