//go:build linux

package shm_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tism-go/tism/shm"
)

// Benchmarks with other processes. This one, started with peerEnv set to "what dir
// cpu ...", is the other side.
const peerEnv = "TISM_BENCH_PEER"

func init() {
	spec := strings.Split(os.Getenv(peerEnv), " ")
	if len(spec) < 3 {
		return
	}
	if err := benchPeer(spec[0], shm.InDir(spec[1]), spec[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func benchPeer(what string, dir shm.Option, cpu string) error {
	if err := pin(cpu); err != nil {
		return err
	}
	switch what {
	case "echo":
		return echo(dir)
	case "wait":
		return waitForUpdates(dir)
	}
	buffers, err := strconv.Atoi(strings.TrimPrefix(what, "publish"))
	if err != nil {
		return fmt.Errorf("no peer %q", what)
	}
	return publishFlat(dir, shm.Buffers(buffers))
}

// pin keeps the process on one CPU; "-" leaves it free.
func pin(cpu string) error {
	n, err := strconv.Atoi(cpu)
	if err != nil {
		return nil
	}
	var set unix.CPUSet
	set.Set(n)
	entries, err := os.ReadDir("/proc/self/task")
	for _, e := range entries {
		tid, _ := strconv.Atoi(e.Name())
		if err := unix.SchedSetaffinity(tid, &set); err != nil {
			return err
		}
	}
	return err
}

// echo answers each value of "ping" on "pong".
func echo(dir shm.Option) error {
	ping, err := shm.Open[b64]("ping", dir)
	if err != nil {
		return err
	}
	pong, err := shm.Create("pong", b64{}, dir)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var v b64
	for {
		if _, err := ping.NextInto(context.Background(), &v); err != nil {
			return nil // closed: the benchmark is over
		}
		if err := pong.WriteFrom(&v); err != nil {
			return err
		}
	}
}

func waitForUpdates(dir shm.Option) error {
	c, err := shm.Open[b64]("topic", dir)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for _, err := range c.Updates(context.Background()) {
		if err != nil {
			return nil
		}
	}
	return nil
}

// publishFlat publishes as fast as it goes until stdin is closed.
func publishFlat(opts ...shm.Option) error {
	p, err := shm.Create("topic", b64{}, opts...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	over := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		close(over)
	}()
	var v b64
	for {
		select {
		case <-over:
			return p.Close()
		default:
		}
		for range 1000 {
			v.A[0]++
			if err := p.WriteFrom(&v); err != nil {
				return err
			}
		}
	}
}

// startPeer starts the other side and returns when that is ready.
func startPeer(b *testing.B, what, dir, cpu string) (stop func()) {
	b.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), peerEnv+"="+strings.Join([]string{what, dir, cpu}, " "))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatalf("the peer says %q: %v", line, err)
	}
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkWakeRoundTrip is the time from an update here to the answer of another
// process that slept, and back. docs/bench/c has the same with bare futexes, pipes and
// sockets.
func BenchmarkWakeRoundTrip(b *testing.B) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		b.Fatal(err)
	}
	var cpus []int
	for i := range 1024 {
		if allowed.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	b.Run("cpus=same", func(b *testing.B) { benchRoundTrip(b, cpus[0], cpus[0]) })
	b.Run("cpus=two", func(b *testing.B) {
		if len(cpus) < 2 {
			b.Skip("one CPU")
		}
		benchRoundTrip(b, cpus[0], cpus[1])
	})
}

func benchRoundTrip(b *testing.B, here, there int) {
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		b.Fatal(err)
	}
	if err := pin(fmt.Sprint(here)); err != nil {
		b.Fatal(err)
	}
	defer func() {
		entries, _ := os.ReadDir("/proc/self/task")
		for _, e := range entries {
			tid, _ := strconv.Atoi(e.Name())
			_ = unix.SchedSetaffinity(tid, &before)
		}
	}()
	dir := benchDir(b)
	ping, err := shm.Create("ping", b64{}, shm.InDir(dir))
	if err != nil {
		b.Fatal(err)
	}
	stop := startPeer(b, "echo", dir, fmt.Sprint(there))
	pong, err := shm.Open[b64]("pong", shm.InDir(dir))
	if err != nil {
		b.Fatal(err)
	}
	var v b64
	if _, err := pong.NextInto(b.Context(), &v); err != nil { // the initial value
		b.Fatal(err)
	}
	times := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		start := time.Now()
		v.A[0] = uint64(i) + 1
		if err := ping.WriteFrom(&v); err != nil {
			b.Fatal(err)
		}
		for v.A[0] = 0; v.A[0] != uint64(i)+1; {
			if _, err := pong.NextInto(b.Context(), &v); err != nil {
				b.Fatal(err)
			}
		}
		times = append(times, time.Since(start))
	}
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds()), "p50-ns/op")
	b.ReportMetric(float64(times[len(times)*99/100].Nanoseconds()), "p99-ns/op")
	if err := ping.Close(); err != nil {
		b.Error(err)
	}
	stop()
	if err := pong.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkPublishWaiting is a publish that wakes n consumers in other processes, each
// of which goes back to sleep before the next.
func BenchmarkPublishWaiting(b *testing.B) {
	for _, n := range []int{0, 1, 8} {
		b.Run(fmt.Sprintf("consumers=%d", n), func(b *testing.B) {
			dir := benchDir(b)
			p, err := shm.Create("topic", b64{}, shm.InDir(dir))
			if err != nil {
				b.Fatal(err)
			}
			var stops []func()
			for range n {
				stops = append(stops, startPeer(b, "wait", dir, "-"))
			}
			var v b64
			var spent time.Duration
			b.ResetTimer()
			for range b.N {
				if n > 0 {
					time.Sleep(200 * time.Microsecond) // they go to sleep; not counted
				}
				start := shm.Now()
				if err := p.WriteFrom(&v); err != nil {
					b.Fatal(err)
				}
				spent += start.Age()
			}
			b.StopTimer()
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "publish-ns/op")
			if err := p.Close(); err != nil {
				b.Error(err)
			}
			for _, stop := range stops {
				stop()
			}
		})
	}
}

// BenchmarkContended reads while another process publishes at full speed.
func BenchmarkContended(b *testing.B) {
	for _, n := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("Read/buffers=%d", n), func(b *testing.B) {
			benchContended(b, n, func(c *shm.Consumer[b64]) error {
				var v b64
				return c.ReadInto(&v)
			})
		})
		b.Run(fmt.Sprintf("Guard/buffers=%d", n), func(b *testing.B) {
			benchContended(b, n, func(c *shm.Consumer[b64]) error {
				g, err := c.RLock()
				if err != nil {
					return err
				}
				return g.Unlock()
			})
		})
	}
}

func benchContended(b *testing.B, buffers int, read func(*shm.Consumer[b64]) error) {
	dir := benchDir(b)
	p, err := shm.Create("topic", b64{}, shm.InDir(dir), shm.Buffers(buffers))
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
	c, err := shm.Open[b64]("topic", shm.InDir(dir), shm.AllowClosed())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	stop := startPeer(b, fmt.Sprintf("publish%d", buffers), dir, "-")
	first, err := c.TotalWrites()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	start := time.Now()
	for range b.N {
		if err := read(c); err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(start)
	b.StopTimer()
	last, err := c.TotalWrites()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(last-first)/took.Seconds(), "writes/s")
	stop()
}
