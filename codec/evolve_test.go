package codec_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

var (
	warm = float32(31.5)
	v1   = StatusV1{TimeUS: 1, Mode: "climb", Alt: 120.5, Pose: PoseV1{Roll: 0.1, Pitch: 0.2}, Note: "one"}
	v2   = StatusV2{
		TimeUS: 2, Mode: "cruise", Alt: 350, Volts: 22.2, Pose: PoseV2{Roll: 0.3, Pitch: 0.4, Yaw: 0.5},
		Legs: []LegV2{{North: 1, East: 2}, {North: 3}}, Note: "two", Temp: &warm,
	}
)

// reader opens the topic as another type.
func reader[T any, P codec.Value[T]](t *testing.T, opts ...shm.Option) *codec.Consumer[T] {
	t.Helper()
	c, err := codec.Open[T, P]("topic", opts...)
	return closing(t, c, err)
}

// TestOlderConsumer: it skips what it does not know.
func TestOlderConsumer(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, _ := topic(t, capacity, v2, opts...)
		c := reader[StatusV1](t, opts...)
		want := StatusV1{TimeUS: 2, Mode: "cruise", Alt: 350, Pose: PoseV1{Roll: 0.3, Pitch: 0.4}, Note: "two"}
		for range 3 {
			got, err := c.Read()
			must(t, err)
			check(t, "value", got, want)
		}
		must(t, p.Write(StatusV2{Mode: "without options"}))
		got, err := c.Read()
		must(t, err)
		check(t, "value", got, StatusV1{Mode: "without options"})
	})
}

// TestNewerConsumer: what it is not sent is zero.
func TestNewerConsumer(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, _ := topic(t, capacity, v1, opts...)
		c := reader[StatusV2](t, opts...)
		got := v2
		must(t, c.ReadInto(&got))
		want := StatusV2{TimeUS: 1, Mode: "climb", Alt: 120.5, Pose: PoseV2{Roll: 0.1, Pitch: 0.2}, Note: "one"}
		check(t, "value", string(encode(t, &got)), string(encode(t, &want)))
		must(t, p.Write(StatusV1{Mode: "without options"}))
		must(t, c.ReadInto(&got))
		want = StatusV2{Mode: "without options"}
		check(t, "value", string(encode(t, &got)), string(encode(t, &want)))
	})
}

func TestRenamedField(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		_, _ = topic(t, capacity, v1, opts...)
		c := reader[StatusRenamed](t, opts...)
		for range 3 { // not only the first time
			_, err := c.Read()
			wantFields(t, err, []string{"altitude"}, []string{"alt"})
			wantText(t, err, "altitude", "alt,", "write 1 at byte 15")
		}
	})
}

func TestRenamedDeepInside(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, _ := topic(t, 300, v2, in)
	c := reader[StatusDeep](t, in)
	_, err := c.Read()
	wantFields(t, err, []string{"pose.heading", "legs[].w"},
		[]string{"pose.yaw", "legs[].e", "note", "temp"})
	// The other way round, and in the elements of lists.
	must(t, p.Close())
	q, err := codec.Create("topic", 300, StatusDeep{Legs: make([]LegDeep, 1)}, in)
	closing(t, q, err)
	d := reader[StatusV2](t, in)
	_, err = d.Read()
	wantFields(t, err, []string{"pose.yaw", "legs[].e"}, []string{"pose.heading", "legs[].w"})
}

// wantFields checks that an error is a *codec.FieldsError with the names.
func wantFields(t *testing.T, err error, missing, unknown []string) {
	t.Helper()
	var e *codec.FieldsError
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *codec.FieldsError", err)
	}
	wantErr(t, "Read", err, shm.ErrType)
	if !slices.Equal(e.Missing, missing) || !slices.Equal(e.Unknown, unknown) {
		t.Errorf("missing %q and unknown %q, want %q and %q", e.Missing, e.Unknown, missing, unknown)
	}
}

func TestRetypedField(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		_, _ = topic(t, capacity, v1, opts...)
		c := reader[StatusRetyped](t, opts...)
		_, err := c.Read()
		var bad *codec.DecodeError
		if !errors.As(err, &bad) || bad.Offset != 9 {
			t.Fatalf("Read: %v, want a DecodeError at byte 9", err)
		}
		var mismatch msgp.TypeError
		check(t, "msgp.TypeError", errors.As(err, &mismatch), true)
		wantText(t, err, `"str"`, `"int"`, "Mode", "write 1 at byte 9")
	})
}

// TestOptionalFields: a consumer of a newer release reads what an older one with an
// optional field sends. Both lack a field that the other has, neither has a name that
// the other should know.
func TestOptionalFields(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, _ := topic(t, 300, StatusV1{Note: "optional"}, in)
	c := reader[StatusV2](t, in)
	got, err := c.Read()
	must(t, err)
	check(t, "note", got.Note, "optional")
	must(t, p.Write(StatusV1{}))
	got, err = c.Read()
	must(t, err)
	check(t, "note", got.Note, "")
}

// TestSuccessorOfAnotherRelease: consumers stay while a publisher of a release after
// theirs takes over, and notice at once when a field has been renamed in it.
func TestSuccessorOfAnotherRelease(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, c := topic(t, capacity, v1, opts...)
		clone, err := c.Clone()
		closing(t, clone, err)
		_, err = c.Read()
		must(t, err)
		must(t, p.Close())

		next, err := codec.Create("topic", capacity, v2, opts...)
		closing(t, next, err)
		u, err := c.Next(soon(t))
		must(t, err)
		check(t, "mode", u.Value.Mode, "cruise")
		must(t, next.Close())

		renamed, err := codec.Create("topic", capacity, StatusRenamed{Altitude: 5}, opts...)
		closing(t, renamed, err)
		for range 5 {
			_, err = c.Read()
			wantFields(t, err, []string{"alt"}, []string{"altitude"})
			must(t, renamed.Write(StatusRenamed{Altitude: 6}))
		}
		_, err = clone.Read()
		wantFields(t, err, []string{"alt"}, []string{"altitude"})
		must(t, renamed.Close())

		back, err := codec.Create("topic", capacity, v1, opts...)
		closing(t, back, err)
		u, err = c.Next(soon(t))
		must(t, err)
		check(t, "value", u.Value, v1)
	})
}

// TestRenamedInLaterValues: names that the first value does not have, because its list is
// empty as that of a topic's initial value mostly is, are compared once a value has them.
func TestRenamedInLaterValues(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, _ := topic(t, capacity, RouteV1{}, opts...)
		c := reader[RouteRenamed](t, opts...)
		_, err := c.Read()
		must(t, err)
		for range 3 {
			must(t, p.Write(RouteV1{Legs: []LegV2{{North: 1, East: 2}}}))
			_, err = c.Read()
			wantFields(t, err, []string{"legs[].w"}, []string{"legs[].e"})
		}
		must(t, p.Write(RouteV1{}))
		_, err = c.Read()
		must(t, err)
	})
}

// TestOptionalInLaterValues: once the names of a publisher have been seen to agree, one that
// comes and one that goes are optional, whatever the length.
func TestOptionalInLaterValues(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, err := codec.Create("topic", 300, codec.Map{"text": "first"}, in)
	closing(t, p, err)
	c := reader[Text](t, in)
	_, err = c.Read()
	must(t, err)
	must(t, p.Write(codec.Map{"a name that the consumer does not know": 1}))
	got, err := c.Read()
	must(t, err)
	check(t, "text", got.Text, "")
}

// TestRenamedAfterResume: the value that a successor has kept is not its own, and says
// nothing about the names that the successor will use.
func TestRenamedAfterResume(t *testing.T) {
	each(t, func(t *testing.T, capacity int, opts ...shm.Option) {
		p, c := topic(t, capacity, v1, opts...)
		must(t, p.Close())
		renamed, err := codec.Create("topic", capacity, StatusRenamed{}, append(opts, shm.Resume())...)
		closing(t, renamed, err)
		for range 2 {
			_, err = c.Read()
			must(t, err)
		}
		must(t, renamed.Write(StatusRenamed{Altitude: 6}))
		_, err = c.Read()
		wantFields(t, err, []string{"alt"}, []string{"altitude"})
	})
}

// TestManyUnknownFields: a message with thousands of names that nobody knows makes a short
// error.
func TestManyUnknownFields(t *testing.T) {
	in := shm.InDir(t.TempDir())
	p, _ := topic(t, 1<<16, Text{}, in)
	c := reader[Text](t, in)
	many := msgp.AppendMapHeader(nil, 8000)
	for i := range 8000 {
		many = msgp.AppendNil(msgp.AppendString(many, itoa(i)))
	}
	must(t, p.BytesPublisher.Write(many))
	_, err := c.Read()
	var e *codec.FieldsError
	if !errors.As(err, &e) || len(e.Unknown) != codec.MaxNames {
		t.Fatalf("%.100v with %d unknown names, want %d", err, len(e.Unknown), codec.MaxNames)
	}
}

// TestTuples: any change is an error, since there are no names to go by.
func TestTuples(t *testing.T) {
	in := shm.InDir(t.TempDir())
	_, _ = topic(t, 300, Point{1, 2, 3, 4}, in)
	c := reader[Small](t, in)
	_, err := c.Read()
	var bad *codec.DecodeError
	if !errors.As(err, &bad) || bad.Offset != 0 {
		t.Fatalf("Read: %v, want a DecodeError at byte 0", err)
	}
	wantText(t, err, "wanted array of size 7; got 4")
}
