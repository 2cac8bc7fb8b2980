//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tism-go/tism/shm"
)

func TestRm(t *testing.T) {
	dir := topicDir(t)
	pub := createPose(t, "pose")
	if err := must[*shm.Publisher[float64]](t)(shm.Create("gone", 1.5)).Close(); err != nil {
		t.Fatal(err)
	}
	_, errs, status := tism("rm", "gone", "pose")
	if status != 1 || !strings.Contains(errs, "in use") || !strings.Contains(errs, "--force") {
		t.Errorf("rm of a live topic = status %d, %q", status, errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "gone")); !os.IsNotExist(err) {
		t.Errorf("the closed topic is still there: %v", err)
	}
	if err := pub.Write(pose{}); err != nil {
		t.Errorf("the live topic was harmed: %v", err)
	}
	mustTism(t, "rm", "--force", "pose")
	if err := pub.Write(pose{}); err == nil {
		t.Error("the publisher of a topic that was removed by force does not notice")
	}
	if out := mustTism(t, "ls"); !strings.HasPrefix(out, "no topics") {
		t.Errorf("ls after rm = %s", out)
	}
}

func TestRmSparesOtherFiles(t *testing.T) {
	file := filepath.Join(topicDir(t), "notes")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, status := tism("rm", "--force", "notes")
	if status != 1 || !strings.Contains(errs, "not a topic") {
		t.Errorf("rm of a file = status %d, %q", status, errs)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
