// Package containers shows topics that containers share; compose.yaml is the example.
package containers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const patience = 5 * time.Minute

// docker runs docker and returns what it prints.
func docker(ctx context.Context, t *testing.T, in []byte, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin = bytes.NewReader(in)
	var mistakes bytes.Buffer
	cmd.Stderr = &mistakes
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, mistakes.String())
	}
	return strings.TrimSpace(string(out))
}

// image makes an image of the peer program alone, without any base.
func image(ctx context.Context, t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "peer")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "../../hwtest/qemu/internal/peer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the peer: %v\n%s", err, out)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "peer", Mode: 0o755, Size: int64(len(code))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(code); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	id := docker(ctx, t, layer.Bytes(), "import", "--change", `ENTRYPOINT ["/peer"]`, "-")
	t.Cleanup(func() { docker(context.Background(), t, nil, "rmi", "-f", id) })
	return id
}

// A publisher in one container is killed; the consumer in another, with a PID namespace
// of its own, sees it die, and carries on with the publisher of a third.
func TestAConsumerInAnotherContainerSeesAPublisherDieAndComeBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "info").CombinedOutput(); err != nil {
		t.Skipf("needs a Docker daemon: %v %.80s", err, out)
	}
	peer := image(ctx, t)
	name := fmt.Sprintf("tism-test-%d", os.Getpid())
	start := func(t *testing.T, args ...string) string {
		id := docker(ctx, t, nil, append([]string{"run", "-d"}, args...)...)
		t.Cleanup(func() { docker(context.Background(), t, nil, "rm", "-f", id) })
		return id
	}

	t.Run("ipc shareable", func(t *testing.T) {
		// The namespace belongs to a container that stays, so that its /dev/shm does.
		owner := start(t, "--ipc=shareable", peer, "publish", "owner")
		follow(ctx, t, start, peer, "--ipc=container:"+owner)
	})
	t.Run("tmpfs volume", func(t *testing.T) {
		docker(ctx, t, nil, "volume", "create", "-d", "local", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=16m,mode=1777", name)
		t.Cleanup(func() { docker(context.Background(), t, nil, "volume", "rm", "-f", name) })
		follow(ctx, t, start, peer, "-v", name+":/topics", "-e", "TISM_DIR=/topics")
	})
}

func follow(ctx context.Context, t *testing.T, start func(*testing.T, ...string) string, peer string, share ...string) {
	publish := append(append([]string{}, share...), peer, "publish", "attitude")
	publisher := start(t, publish...)
	consumer := start(t, append(append([]string{}, share...), peer, "consume", "attitude")...)
	logs := exec.CommandContext(ctx, "docker", "logs", "-f", consumer)
	var mistakes bytes.Buffer
	logs.Stderr = &mistakes
	out, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"alive", "died", "back"} {
		if !lines.Scan() || lines.Text() != want {
			_ = logs.Wait()
			t.Fatalf("the consumer says %q, want %q\n%s", lines.Text(), want, mistakes.String())
		}
		switch want {
		case "alive":
			docker(ctx, t, nil, "kill", publisher)
		case "died":
			start(t, publish...)
		}
	}
	if err := logs.Wait(); err != nil {
		t.Error(err)
	}
	if code := docker(ctx, t, nil, "wait", consumer); code != "0" {
		t.Errorf("the consumer ended with %s\n%s", code, mistakes.String())
	}
}

// The example itself: in both forms, what one service publishes another lists as alive.
func TestComposeExample(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "image", "inspect", "tism-tool").CombinedOutput(); err != nil {
		t.Skipf("needs a Docker daemon with the image: docker build --target tool -t tism-tool . (%v %.80s)", err, out)
	}
	command := compose(ctx, t)
	project := fmt.Sprintf("tism-test-%d", os.Getpid())
	run := func(ctx context.Context, args ...string) (string, error) {
		args = append(append(command[1:len(command):len(command)], "-f", "compose.yaml", "-p", project), args...)
		out, err := exec.CommandContext(ctx, command[0], args...).CombinedOutput()
		return string(out), err
	}
	t.Cleanup(func() {
		if out, err := run(context.Background(), "down", "-v", "-t", "1"); err != nil {
			t.Errorf("taking the example down: %v\n%s", err, out)
		}
	})
	if out, err := run(ctx, "up", "-d"); err != nil {
		t.Fatalf("bringing the example up: %v\n%s", err, out)
	}
	for _, service := range []string{"watch", "watch2"} {
		// Started beside the publisher, it may have listed before there was a topic.
		for {
			out, err := run(ctx, "run", "--rm", service)
			if err == nil && strings.Contains(out, "-estimate") && strings.Contains(out, "alive") {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s lists no living publisher: %v\n%s", service, err, out)
			}
		}
	}
}

// compose is the command that this machine has: Docker's plugin, or the program of old.
func compose(ctx context.Context, t *testing.T) []string {
	t.Helper()
	for _, command := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		if exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], "version")...).Run() == nil {
			return command
		}
	}
	t.Skip("needs Docker Compose")
	return nil
}
