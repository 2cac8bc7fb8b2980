// Eventlog passes log entries with texts from one process to another, which looks less
// often than entries are made and still gets them all.
//
// "go run ./examples/eventlog" logs what a flight computer would, starts itself a second
// time to print the log, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"time"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

func main() {
	log.SetFlags(0)
	run := publisher
	if len(os.Args) == 2 {
		run = consumer
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// A logger keeps the last entries and publishes them with each new one.
type logger struct {
	pub  *codec.Publisher[Tail]
	tail Tail
	next uint64
}

func (l *logger) log(level Level, source, text string) error {
	const kept = 16
	l.next++
	e := Entry{Number: l.next, TimeUS: l.next * 1000, Level: level, Source: source, Text: text}
	l.tail.Entries = append(l.tail.Entries, e)
	if n := len(l.tail.Entries) - kept; n > 0 {
		l.tail.Entries = append(l.tail.Entries[:0], l.tail.Entries[n:]...)
	}
	return l.pub.WriteFrom(&l.tail)
}

func publisher() error {
	topic := fmt.Sprintf("example-eventlog-%d", os.Getpid())
	const capacity = 4096
	pub, err := codec.Create(topic, capacity, Tail{})
	if err != nil {
		return err
	}
	other, err := startConsumer(topic)
	if err != nil {
		return errors.Join(err, pub.Remove())
	}
	l := logger{pub: pub}
	for _, e := range []Entry{
		{Level: Info, Source: "main", Text: "flight computer up"},
		{Level: Info, Source: "imu", Text: "calibrated: bias 0.002 rad/s"},
		{Level: Warning, Source: "gps", Text: "no fix for 5 s"},
		{Level: Info, Source: "gps", Text: "fix with 9 satellites"},
		{Level: Info, Source: "main", Text: "armed"},
		{Level: Error, Source: "esc[2]", Text: "temperature 104 °C, limited to 60 %"},
		{Level: Warning, Source: "nav", Text: "returning home"},
		{Level: Info, Source: "main", Text: "landed, disarmed"},
	} {
		time.Sleep(20 * time.Millisecond)
		if err := l.log(e.Level, e.Source, e.Text); err != nil {
			log.Print(err) // and go on with the next
		}
	}
	err = pub.Close() // consumers read the last value and learn that it is the last
	return errors.Join(err, other.Wait(), shm.Remove(topic))
}

func startConsumer(topic string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, topic)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd, cmd.Start()
}

func consumer() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// It sleeps until there is a publisher; one that has closed is good enough here.
	sub, err := codec.WaitOpen[Tail](ctx, os.Args[1], shm.AllowClosed())
	if err != nil {
		return err
	}
	defer sub.Close()
	printed := uint64(0)
	for u, err := range sub.Updates(ctx) {
		if errors.Is(err, shm.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range u.Value.Entries {
			if e.Number > printed {
				fmt.Printf("%d %6d µs %-7v %s: %s\n", e.Number, e.TimeUS, e.Level, e.Source, e.Text)
				printed = e.Number
			}
		}
		time.Sleep(50 * time.Millisecond) // a slow consumer
	}
	return nil
}
