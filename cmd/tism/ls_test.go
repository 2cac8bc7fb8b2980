//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tism-go/tism/shm"
)

// createZoo makes topics of every sort, and files that are none.
func createZoo(t *testing.T) {
	t.Helper()
	dir := topicDir(t)
	createPose(t, "pose")
	closing(t, must[*shm.Consumer[pose]](t)(shm.Open[pose]("pose")), nil)
	raw, err := shm.CreateBytes("frame", 1000, nil, shm.Buffers(2))
	closing(t, raw, err)
	message, err := shm.CreateBytes("status", 64, []byte("\x82\xa2ok\xc3\xa5volts\x92\x01\x02"),
		shm.WithType(shm.Type{Kind: shm.MessagePack}), shm.Buffers(1), shm.NoTimestamps())
	closing(t, message, err)
	if err := must[*shm.Publisher[float64]](t)(shm.Create("gone", 1.5)).Close(); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("notes.txt", "not a topic")
	newer := make([]byte, 4096)
	copy(newer, "tism\r\n\x1a\n\x63")
	write("newer", string(newer))
}

func must[V any](t *testing.T) func(V, error) V {
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestLs(t *testing.T) {
	createZoo(t)
	checkText(t, mustTism(t, "ls"), `
NAME  TYPE  BUFFERS  PUBLISHER  CONSUMERS  WRITES  AGE
frame  bytes (up to 1000 B)  2  alive  CMD (PID N)  0  0  unknown
gone  float64 (8 B)  4  closed  CMD (PID N)  0  1  T
newer  error: layout version differs: WHY
pose  pose (104 B)  4  alive  CMD (PID N)  1  1  T
status  msgpack (up to 64 B)  1  alive  CMD (PID N)  0  1  unknown
`)
}

func TestLsOfNothing(t *testing.T) {
	dir := topicDir(t)
	if got, want := mustTism(t, "ls"), "no topics in "+dir+"\n"; got != want {
		t.Errorf("ls = %q, want %q", got, want)
	}
	if got := mustTism(t, "ls", "--json"); got != "[]\n" {
		t.Errorf("ls --json = %q, want []", got)
	}
	t.Setenv("TISM_DIR", filepath.Join(dir, "missing"))
	if _, errs, status := tism("ls"); status != 1 || errs == "" {
		t.Errorf("ls of a missing directory = status %d, %q; want 1", status, errs)
	}
}

func TestLsJSON(t *testing.T) {
	createZoo(t)
	var list []description
	if err := json.Unmarshal([]byte(mustTism(t, "ls", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, d := range list {
		names += d.Name + " "
	}
	if want := "frame gone newer pose status "; names != want {
		t.Fatalf("names %q, want %q", names, want)
	}
	newer, pose, status := list[2], list[3], list[4]
	if newer.Error == "" || newer.Publisher != nil || newer.Type != nil {
		t.Errorf("newer = %+v, want an error and no more", newer)
	}
	if p := pose.Publisher; p == nil || p.State != "alive" || p.PID != os.Getpid() || pose.Error != "" {
		t.Errorf("pose = %+v", pose)
	}
	if pose.AgeNS == nil || *pose.AgeNS < 0 || status.AgeNS != nil {
		t.Errorf("ages %v and %v, want one and none", pose.AgeNS, status.AgeNS)
	}
	if len(pose.Consumers) != 1 || pose.Consumers[0].PID != os.Getpid() || pose.Writes != 1 {
		t.Errorf("pose = %+v", pose)
	}
}
