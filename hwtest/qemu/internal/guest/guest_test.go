package guest

import (
	"reflect"
	"testing"
	"time"
)

func TestMarkersSurviveTheConsole(t *testing.T) {
	const token = "ABC"
	for _, want := range []Marker{
		{Kind: Fact, Text: "page 16384"},
		{Kind: Begin, Job: 3},
		{Kind: End, Job: 3, Code: 137, Late: true, Took: 1500 * time.Millisecond},
		{Kind: Fault, Text: "mounting /proc: no such device"},
		{Kind: Done},
	} {
		before, got, ok := Parse("PASS"+want.Line(token)+"\r\n", token)
		if !ok || got != want || before != "PASS" {
			t.Errorf("Parse(%q) = %q, %+v, %v, want %+v", want.Line(token), before, got, ok, want)
		}
	}
}

func TestParseRefusesWhatIsNoMarker(t *testing.T) {
	whole := Marker{Kind: End, Job: 1, Code: 0, Took: time.Second}.Line("ABC")
	for _, line := range []string{
		"", "ok", whole[:len(whole)-1], whole[:len(whole)-4],
		"@tism ABC end 1 x false 10 .", "@tism ABC nonsense 1 .", "@tism ABC begin .",
		Marker{Kind: Done}.Line("another"),
	} {
		if _, m, ok := Parse(line, "ABC"); ok {
			t.Errorf("Parse(%q) takes it for %+v", line, m)
		}
	}
}

func TestPlanTravels(t *testing.T) {
	want := Plan{Token: NewToken(), Jobs: []Job{{Name: "shm", Path: "/tism/shm/shm.test", Args: []string{"-test.v"}, Dir: "/tism/shm", Env: []string{"A=b"}, Timeout: time.Minute}}}
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Decode = %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "{}", "[1]"} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("Decode(%q) finds nothing wrong", bad)
		}
	}
}
