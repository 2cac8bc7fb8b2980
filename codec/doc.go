// Package codec puts MessagePack values on the topics of package shm: payloads that
// vary in length, or that change from one release of a program to the next.
//
//	//go:generate go tool msgp -io=false -tests=false
//	//msgp:limit arrays:1024 maps:64
//
//	type Event struct {
//		TimeUS uint64 `msg:"t"`
//		Text   string `msg:"text"`
//	}
//
//	pub, err := codec.Create("events", 512, Event{})       // in one process
//	err = pub.Write(Event{TimeUS: t, Text: "armed"})
//
//	sub, err := codec.WaitOpen[Event](ctx, "events")       // in others
//	for u, err := range sub.Updates(ctx) {
//
// T is a type for which [msgp] generated methods, or any other whose pointer is a
// [Value]. Everything but the encoding is shm's: roles, waiting, takeover, what is missed
// and when a value is torn. A value of fixed layout is better off as a plain struct
// topic ([shm.Create]), which encodes nothing.
//
// # Where the bytes are
//
// A publisher encodes straight into the buffer that it publishes, and a consumer decodes
// straight out of a buffer that it holds meanwhile. There are three exceptions. With one
// buffer the publisher encodes into memory of its own and copies, because encoding can
// fail halfway. A consumer that cannot hold a buffer decodes a copy. And where the
// capacity is 4096 bytes or less both copy, because that costs less than a guard does.
// With one buffer and more than that the publisher waits while a consumer decodes.
//
// Whoever only passes values on need not decode them. The methods of [shm.BytesConsumer]
// that [Consumer] does not redefine (RLock, RLockContext, View) give the encoded bytes
// in place, and those of [shm.BytesPublisher] (Loan, Lock, and the embedded publisher's
// own Write) publish bytes that are encoded already. [msgp.Raw] and [Map] are for programs
// that have no type for a topic, [All] for those that print it.
//
// # Allocation
//
// Publishing allocates nothing, provided that MarshalMsg does not. Reading allocates what
// T points to: strings always (Go's cannot be overwritten); lists, byte slices and maps
// unless they are read into a value that has them, of a T that says how ([Resetter]). A T
// without references is read without allocation.
//
// # Releases
//
// A struct is encoded as a map from names to values unless msgp is told otherwise
// (//msgp:tuple). Then a consumer skips the fields that it does not know, and fields that
// the publisher does not know are zero: fields can be added, but not renamed or retyped. A
// retyped field does not decode. A renamed one shows as a field that is missing while
// another is unknown, which is an error that names both ([FieldsError]). A handle looks for
// it in the first value that it reads from each publisher, and again in each that is longer
// than all before, for the elements of lists that were empty until then: those values cost
// a second decoding and an encoding, and some allocation. What cannot be told from a field
// that was added goes unnoticed: the renaming of one with omitempty.
//
// A tuple has no names and a fixed number of elements. It is smaller and faster, and any
// change of it is an error.
//
// # Hostile bytes
//
// What does not decode is a [*DecodeError], whatever the bytes are. Where T could make
// msgp's code allocate what a message merely claims to hold (lists, maps, interfaces), or
// recurse as deep as it likes, the message is walked first ([Check]): every length must be
// backed by bytes, and nesting has a limit. Where values are decoded in place, whoever may
// write to the topic's file could still change them between that walk and the decoding.
// Only msgp's own limits (//msgp:limit) answer that: set them, and see [Limited].
//
// # Debugging
//
// "tism info NAME" prints the newest value of any topic. [DecodeError] says which write it
// was and at which byte; [All] and [Check] take the bytes that RLock or
// [shm.BytesConsumer.Read] give.
//
// [msgp]: https://github.com/tinylib/msgp
package codec
