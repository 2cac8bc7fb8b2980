// Onetype publishes a topic for consumers in C, Python and Rust, all of which have its type
// from attitude.go: "go generate" writes it to c, python and rust.
//
// "go run ./examples/onetype" publishes ten values a second until Ctrl-C, "go run
// ./examples/onetype 20" only so many. The consumers there say in their first lines how to
// run them.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"strconv"
	"time"

	"github.com/tism-go/tism/shm"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	count := -1
	if len(os.Args) > 1 {
		var err error
		if count, err = strconv.Atoi(os.Args[1]); err != nil {
			log.Fatal(err)
		}
	}
	if err := publish(ctx, count, 100*time.Millisecond); err != nil {
		log.Fatal(err)
	}
}

// publish writes so many values, or until the context ends, and closes the topic.
func publish(ctx context.Context, count int, period time.Duration) (err error) {
	pub, err := shm.Create("attitude", Attitude{Q: [4]float32{1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pub.Close()) }()
	tick := time.NewTicker(period)
	defer tick.Stop()
	for n := 1; count < 0 || n <= count; n++ {
		a := Attitude{TimeUS: uint64(n), Q: [4]float32{1}, Mode: Flying, Healthy: true}
		a.GyroRad[2] = float32(n) / 4
		a.Battery[1].Volts, a.Battery[1].Celsius = 24.5, -7
		if err := pub.Write(a); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return nil
}
