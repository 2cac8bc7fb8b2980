// Command peer is one side of a topic, for tests in which the two sides are unlike: built
// for another architecture, or in another container.
//
//	peer publish TOPIC             publishes for ever, as fast as 1 kHz
//	peer consume TOPIC             reads whole values, and says what it sees, a line each:
//	                               alive, died, back; ends after "back"
//	peer drive PUBLISHER CONSUMER  runs two such programs in these roles, kills the
//	                               publisher, starts it again, and judges
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/tism-go/tism/shm"
)

// patience is how long anything may take.
const patience = 2 * time.Minute

// A sample holds numbers that belong together: a torn one shows. No field needs
// padding, so it is the
// same bytes on 32-bit and 64-bit ARM.
type sample struct {
	Count   uint64
	Square  uint64
	Inverse float64
	Copies  [30]uint64
}

func (s *sample) set(n uint64) {
	s.Count, s.Square, s.Inverse = n, n*n, 1/float64(n+1)
	for i := range s.Copies {
		s.Copies[i] = n
	}
}

func (s *sample) whole() error {
	var want sample
	want.set(s.Count)
	if *s != want {
		return fmt.Errorf("a torn value: %+v", *s)
	}
	return nil
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := errors.New("usage: peer publish TOPIC | consume TOPIC | drive PUBLISHER CONSUMER")
	switch {
	case len(os.Args) == 3 && os.Args[1] == "publish":
		err = publish(os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "consume":
		err = consume(ctx, os.Args[2])
	case len(os.Args) == 4 && os.Args[1] == "drive":
		err = drive(ctx, os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func publish(topic string) error {
	var s sample
	s.set(0)
	pub, err := shm.Create(topic, s, shm.Resume())
	if err != nil {
		return err
	}
	defer pub.Close()
	for n := uint64(0); ; n++ {
		s.set(n)
		if err := pub.Write(s); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// consume follows a publisher through its death and its successor's start.
func consume(ctx context.Context, topic string) error {
	sub, err := shm.WaitOpen[sample](ctx, topic)
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := follow(ctx, sub, 100); err != nil {
		return err
	}
	fmt.Println("alive")
	for sub.State() != shm.Died { // nothing to wait on tells of a death
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("waiting for the publisher's death: %w", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("died")
	last, err := sub.Read()
	if err != nil {
		return fmt.Errorf("reading what the dead publisher left: %w", err)
	}
	if err := last.whole(); err != nil {
		return err
	}
	if err := follow(ctx, sub, 100); err != nil {
		return err
	}
	fmt.Println("back")
	return nil
}

// follow reads that many new values, each of them whole.
func follow(ctx context.Context, sub *shm.Consumer[sample], n int) error {
	for range n {
		u, err := sub.Next(ctx)
		if err != nil {
			return err
		}
		if err := u.Value.whole(); err != nil {
			return err
		}
	}
	return nil
}

func drive(ctx context.Context, publisher, consumer string) error {
	topic := fmt.Sprintf("peer-%d", os.Getpid())
	defer shm.Remove(topic)
	pub, err := start(ctx, publisher, topic)
	if err != nil {
		return err
	}
	defer func() { stop(pub) }()
	sub := exec.CommandContext(ctx, consumer, "consume", topic)
	sub.Stderr = os.Stderr
	out, err := sub.StdoutPipe()
	if err != nil {
		return err
	}
	if err := sub.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	step := 0
	for _, want := range []string{"alive", "died", "back"} {
		if !lines.Scan() || lines.Text() != want {
			return fmt.Errorf("the consumer says %q, want %q: %w", lines.Text(), want, sub.Wait())
		}
		step++
		fmt.Printf("ok %d - %s beside %s: %s\n", step, consumer, publisher, want)
		switch want {
		case "alive":
			stop(pub)
		case "died":
			if pub, err = start(ctx, publisher, topic); err != nil {
				return err
			}
		}
	}
	return sub.Wait()
}

func start(ctx context.Context, program, topic string) (*exec.Cmd, error) {
	cmd := exec.CommandContext(ctx, program, "publish", topic)
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// stop kills without warning.
func stop(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
