// Telemetry passes packets with optional fields from one process to another.
//
// "go run ./examples/telemetry" publishes some packets, starts itself a second time to
// show them, and leaves nothing behind.
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

var (
	ground  = float32(1.5)
	packets = []Packet{
		{TimeUS: 1_000_000, Mode: "boot", Volts: 25.2},
		{TimeUS: 1_100_000, Mode: "idle", Volts: 25.1, RangeM: &ground},
		{TimeUS: 1_200_000, Mode: "idle", Volts: 25.1, RangeM: &ground, GPS: &Fix{Lat: 47.3977, Lon: 8.5456, Satellites: 9}},
		{TimeUS: 1_300_000, Mode: "climb", Volts: 24.6, GPS: &Fix{Lat: 47.3978, Lon: 8.5456, Satellites: 11}},
		{TimeUS: 1_400_000, Mode: "climb", Volts: 22.0, Warning: "battery low"},
	}
)

func publisher() error {
	topic := fmt.Sprintf("example-telemetry-%d", os.Getpid())
	const capacity = 256 // the most that an encoded packet may have
	pub, err := codec.Create(topic, capacity, packets[0])
	if err != nil {
		return err
	}
	other, err := startConsumer(topic)
	if err != nil {
		return errors.Join(err, pub.Remove())
	}
	for _, packet := range packets[1:] {
		time.Sleep(100 * time.Millisecond)
		if err := pub.Write(packet); err != nil {
			log.Print(err) // and go on with the next
		}
	}
	err = pub.Close() // consumers read the last packet and learn that it is the last
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
	sub, err := codec.WaitOpen[Packet](ctx, os.Args[1], shm.AllowClosed())
	if err != nil {
		return err
	}
	defer sub.Close()
	for u, err := range sub.Updates(ctx) {
		if errors.Is(err, shm.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("%3d bytes: %s\n", u.Size, describe(u.Value))
	}
	return nil
}

func describe(p Packet) string {
	s := fmt.Sprintf("%s %.1f V", p.Mode, p.Volts)
	if p.GPS != nil {
		s += fmt.Sprintf(", at %.4f %.4f (%d satellites)", p.GPS.Lat, p.GPS.Lon, p.GPS.Satellites)
	}
	if p.RangeM != nil {
		s += fmt.Sprintf(", %.1f m above ground", *p.RangeM)
	}
	if p.Warning != "" {
		s += ", warning: " + p.Warning
	}
	return s
}
