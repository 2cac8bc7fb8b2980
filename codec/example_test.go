package codec_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// Publisher and consumer are in different processes, usually.
func Example() {
	pub, err := codec.Create("example", 128, Text{"first"})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Remove()
	sub, err := codec.Open[Text]("example")
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()

	for _, text := range []string{"second", "third"} {
		if err := pub.Write(Text{text}); err != nil {
			log.Fatal(err)
		}
		u, err := sub.Next(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(u.Number, u.Value.Text)
	}
	// Output:
	// 2 second
	// 3 third
}

// A value that is too large leaves the topic as it was.
func ExamplePublisher_Write() {
	pub, err := codec.Create("example", 16, Text{"short"})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Remove()
	err = pub.Write(Text{"a text that is longer"})
	fmt.Println(errors.Is(err, shm.ErrTooLarge), err)
	v, err := pub.Read()
	fmt.Println(v.Text, err)
	// Output:
	// true tism: write topic "example": larger than the topic's capacity: 28 bytes, the capacity is 16
	// short <nil>
}

// The embedded consumer gives the encoded bytes in place, and a publisher of
// [msgp.Raw] passes them on.
func ExampleConsumer_forward() {
	pub, err := codec.Create("example", 128, Text{"for the ground"})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Remove()
	downlink, err := codec.Create("downlink", 128, msgp.Raw{})
	if err != nil {
		log.Fatal(err)
	}
	defer downlink.Remove()

	sub, err := codec.Open[msgp.Raw]("example")
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	guard, err := sub.RLock()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", guard.Value())
	if err := downlink.BytesPublisher.Write(guard.Value()); err != nil {
		log.Fatal(err)
	}
	if err := guard.Unlock(); err != nil {
		log.Fatal(err)
	}
	// Output: "\x81\xa4text\xaefor the ground"
}

// A program without the type prints what is on a topic.
func ExampleAll() {
	pub, err := codec.Create("example", 256, StatusV2{TimeUS: 1_000_000, Mode: "hold", Legs: []LegV2{{North: 100}, {East: 50}}})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Remove()

	sub, err := shm.OpenBytes("example")
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	payload, err := sub.Read()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(sub.Type())
	for name, value := range codec.All(payload) {
		fmt.Println(name, value)
	}
	// Output:
	// msgpack StatusV2 256
	// t 1000000
	// mode hold
	// alt 0
	// volts 0
	// pose.roll 0
	// pose.pitch 0
	// pose.yaw 0
	// legs[0].n 100
	// legs[0].e 0
	// legs[1].n 0
	// legs[1].e 50
}

// A topic of another kind is an error that shows both types.
func ExampleOpen() {
	type attitude struct{ Q [4]float32 }
	pub, err := shm.Create("example", attitude{})
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Remove()
	_, err = codec.Open[Text]("example")
	fmt.Println(err)
	// Output:
	// tism: open topic "example": type differs
	// the topic holds:
	//     struct attitude 16
	//     q f32[4] @0
	// this program has:
	//     msgpack Text 16
	// open it with shm.Open or shm.OpenBytes
}
