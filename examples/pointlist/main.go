// Pointlist passes lists of varying length from one process to another, without allocating
// memory for each.
//
// "go run ./examples/pointlist" publishes the sweeps of a lidar, starts itself a second time to
// look for the nearest point of each, and leaves nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"os"
	"os/exec"
	"time"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

const maxPoints = 2000

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

func publisher() error {
	topic := fmt.Sprintf("example-pointlist-%d", os.Getpid())
	largest := Sweep{Points: make([]Point, maxPoints)}
	sweep := scan(Sweep{}, 0)
	pub, err := codec.Create(topic, largest.Msgsize(), sweep)
	if err != nil {
		return err
	}
	other, err := startConsumer(topic)
	if err != nil {
		return errors.Join(err, pub.Remove())
	}
	for turn := 1; turn < 10; turn++ {
		time.Sleep(50 * time.Millisecond)
		sweep = scan(sweep, turn)
		if err := pub.WriteFrom(&sweep); err != nil {
			log.Print(err) // and go on with the next
		}
	}
	err = pub.Close() // consumers read the last sweep and learn that it is the last
	return errors.Join(err, other.Wait(), shm.Remove(topic))
}

// scan stands for the driver of the lidar: a wall comes nearer, and fills more of the
// view. It uses the memory of an older sweep.
func scan(old Sweep, turn int) Sweep {
	distance := 10 - float64(turn)
	points := old.Points[:0]
	for a := -math.Atan(5 / distance); a < math.Atan(5/distance); a += 0.01 {
		points = append(points, Point{X: float32(distance), Y: float32(distance * math.Tan(a)), Intensity: uint8(200 / distance)})
	}
	return Sweep{TimeUS: uint64(turn) * 50_000, Points: points}
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
	sub, err := codec.WaitOpen[Sweep](ctx, os.Args[1], shm.AllowClosed())
	if err != nil {
		return err
	}
	defer sub.Close()
	var sweep Sweep // whose memory is used again and again
	for {
		info, err := sub.NextInto(ctx, &sweep)
		if errors.Is(err, shm.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Printf("%5d bytes: %3d points, the nearest %.1f m away\n", info.Size, len(sweep.Points), nearest(sweep.Points))
	}
}

func nearest(points []Point) float64 {
	least := math.Inf(1)
	for _, p := range points {
		least = min(least, math.Sqrt(float64(p.X*p.X+p.Y*p.Y+p.Z*p.Z)))
	}
	return least
}
