//go:build linux

package shm_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tism-go/tism/shm"
)

// Attitude is a topic's type: numbers of fixed size, no implicit padding.
type Attitude struct {
	TimeUS uint64
	Q      [4]float32
}

// here keeps the examples' topics out of /dev/shm.
func here() (dir shm.Option, clean func()) {
	path, err := os.MkdirTemp("", "tism-example")
	if err != nil {
		panic(err)
	}
	return shm.InDir(path), func() { _ = os.RemoveAll(path) }
}

// A publisher and a consumer. They would be in different processes.
func Example() {
	dir, clean := here()
	defer clean()
	pub, err := shm.Create("attitude", Attitude{}, dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pub.Remove()

	sub, err := shm.Open[Attitude]("attitude", dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sub.Close()

	if err := pub.Write(Attitude{TimeUS: 1000, Q: [4]float32{1, 0, 0, 0}}); err != nil {
		fmt.Println(err)
	}
	v, err := sub.Read()
	fmt.Println(v.TimeUS, v.Q, err)
	// Output: 1000 [1 0 0 0] <nil>
}

// A guard gives the value in place: nothing is copied, and nothing changes it until
// Unlock.
func ExampleConsumer_RLock() {
	dir, clean := here()
	defer clean()
	pub, _ := shm.Create("attitude", Attitude{TimeUS: 1}, dir)
	defer pub.Remove()
	sub, _ := shm.Open[Attitude]("attitude", dir)
	defer sub.Close()

	g, err := sub.RLock()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Unlock()
	_ = pub.Write(Attitude{TimeUS: 2}) // goes to another buffer
	fmt.Println(g.Value().TimeUS, g.Info().Number)
	// Output: 1 1
}

// Changing one field of the newest value.
func ExamplePublisher_Update() {
	dir, clean := here()
	defer clean()
	pub, _ := shm.Create("attitude", Attitude{TimeUS: 1, Q: [4]float32{1, 0, 0, 0}}, dir)
	defer pub.Remove()
	err := pub.Update(func(a *Attitude) { a.TimeUS = 2 })
	v, _ := pub.Read()
	fmt.Println(v, err)
	// Output: {2 [1 0 0 0]} <nil>
}

// Waiting for updates: the loop sleeps in the kernel, and ends with the context or the
// topic.
func ExampleConsumer_Updates() {
	dir, clean := here()
	defer clean()
	pub, _ := shm.Create("count", uint64(1), dir)
	sub, _ := shm.Open[uint64]("count", dir)
	defer sub.Close()
	for u, err := range sub.Updates(context.Background()) {
		if errors.Is(err, shm.ErrClosed) {
			fmt.Println("closed")
			break
		}
		fmt.Println(u.Value, u.Missed)
		if u.Value < 3 { // what the other process would do
			_ = pub.Write(u.Value + 1)
		} else {
			_ = pub.Close()
		}
	}
	// Output:
	// 1 0
	// 2 0
	// 3 0
	// closed
}

// A control loop lives on several topics.
func ExampleWaitAny() {
	dir, clean := here()
	defer clean()
	imu, _ := shm.Create("imu", [3]float32{}, dir)
	defer imu.Remove()
	gps, _ := shm.Create("gps", [2]float64{}, dir)
	defer gps.Remove()
	a, _ := shm.Open[[3]float32]("imu", dir)
	defer a.Close()
	b, _ := shm.Open[[2]float64]("gps", dir)
	defer b.Close()
	_, _ = a.Read()
	_, _ = b.Read()

	_ = gps.Write([2]float64{47.1, 8.5})
	i, err := shm.WaitAny(context.Background(), a, b)
	fmt.Println(i, err, a.HasChanged(), b.HasChanged())
	// Output: 1 <nil> false true
}

// Two programs that disagree about a type are told what each of them has.
func ExampleTypeError() {
	dir, clean := here()
	defer clean()
	pub, _ := shm.Create("attitude", Attitude{}, dir)
	defer pub.Remove()
	type Old struct {
		TimeUS uint64
		Q      [3]float32
		_      [4]byte
	}
	_, err := shm.Open[Old]("attitude", dir)
	var mismatch *shm.TypeError
	if errors.As(err, &mismatch) {
		fmt.Printf("%v%v", mismatch.Topic, mismatch.Want)
	}
	// Output:
	// struct Attitude 24
	// time_us u64 @0
	// q f32[4] @8
	// struct Old 24
	// time_us u64 @0
	// q f32[3] @8
}

// Bytes of varying length.
func ExampleBytesPublisher() {
	dir, clean := here()
	defer clean()
	pub, _ := shm.CreateBytes("log", 256, nil, dir)
	defer pub.Remove()
	sub, _ := shm.OpenBytes("log", dir)
	defer sub.Close()
	_, err := sub.Read()
	fmt.Println(errors.Is(err, shm.ErrEmpty))
	_ = pub.Write([]byte("liftoff"))
	v, _ := sub.Read()
	fmt.Println(string(v))
	// Output:
	// true
	// liftoff
}
