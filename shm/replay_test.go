//go:build linux

package shm_test

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"

	"github.com/tism-go/tism/shm"
)

// flight is a drone's log, of PX4's topic sensor_combined. It is not part of the repository.
const flight = "../../shared/data/sensor_combined.csv"

type sensorCombined struct {
	Timestamp                      uint64
	GyroRad                        [3]float32
	GyroIntegralDt                 float32
	AccelerometerTimestampRelative int32
	AccelerometerMS2               [3]float32
	AccelerometerIntegralDt        float32
	MagnetometerTimestampRelative  int32
	MagnetometerGa                 [3]float32
	BaroTimestampRelative          int32
	BaroAltMeter                   float32
	BaroTempCelcius                float32
}

// bits is the value's memory.
func (s *sensorCombined) bits() []byte {
	b, err := binary.Append(nil, binary.NativeEndian, s)
	if err != nil {
		panic(err)
	}
	return b
}

// loadFlight returns the log's rows.
func loadFlight(path string) ([]sensorCombined, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	rows := make([]sensorCombined, len(table)-1)
	for i, row := range table[1:] {
		if rows[i], err = parseRow(row); err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return rows, nil
}

// parseRow parses the columns in the order of the fields.
func parseRow(row []string) (s sensorCombined, err error) {
	if len(row) != 17 {
		return s, fmt.Errorf("%d columns, want 17", len(row))
	}
	var errs []error
	next := func() (text string) { text, row = row[0], row[1:]; return text }
	float := func(to ...*float32) {
		for _, p := range to {
			f, err := strconv.ParseFloat(next(), 64) // the log's figures are written as such
			errs = append(errs, err)
			*p = float32(f)
		}
	}
	integer := func(to *int32) {
		n, err := strconv.ParseInt(next(), 10, 32)
		errs = append(errs, err)
		*to = int32(n)
	}
	s.Timestamp, err = strconv.ParseUint(next(), 10, 64)
	errs = append(errs, err)
	float(&s.GyroRad[0], &s.GyroRad[1], &s.GyroRad[2], &s.GyroIntegralDt)
	integer(&s.AccelerometerTimestampRelative)
	float(&s.AccelerometerMS2[0], &s.AccelerometerMS2[1], &s.AccelerometerMS2[2], &s.AccelerometerIntegralDt)
	integer(&s.MagnetometerTimestampRelative)
	float(&s.MagnetometerGa[0], &s.MagnetometerGa[1], &s.MagnetometerGa[2])
	integer(&s.BaroTimestampRelative)
	float(&s.BaroAltMeter, &s.BaroTempCelcius)
	return s, errors.Join(errs...)
}

func init() { helpers["passenger"] = fly }

// fly follows the replay until its end and compares each value with the row of its number,
// bit for bit. Args: directory, how to read.
func fly(a *actor) {
	rows, err := loadFlight(flight)
	must(a, err)
	dir := shm.InDir(a.args[0])
	var received, missed uint64
	compare := func(got []byte, i shm.Info) {
		row := int(i.Number-1) % len(rows)
		if want := rows[row].bits(); !bytes.Equal(got, want) {
			a.Fatalf("number %d is\n%x, row %d is\n%x", i.Number, got, row, want)
		}
		if received == 0 {
			missed = i.Number - 1
		}
		received++
		missed += i.Missed
	}
	a.say("on board")
	var step func() error
	if a.args[1] == "bytes" {
		c, err := shm.WaitOpenBytes(a.Context(), "topic", dir)
		must(a, err)
		step = func() error {
			u, err := c.Next(a.Context())
			if err == nil {
				compare(u.Value, u.Info)
			}
			return err
		}
	} else {
		c, err := shm.WaitOpen[sensorCombined](a.Context(), "topic", dir)
		must(a, err)
		look := map[string]func() error{
			"copy": func() error { v, err := c.Read(); compare(v.bits(), c.Info()); return err },
			"view": func() error { return c.View(func(v *sensorCombined) { compare(v.bits(), c.Info()) }) },
		}[a.args[1]]
		step = func() error {
			if err := c.Wait(a.Context()); err != nil {
				return err
			}
			return look()
		}
	}
	for err == nil {
		err = step()
	}
	if !errors.Is(err, shm.ErrClosed) {
		a.Fatal(err)
	}
	a.say("received %d missed %d", received, missed)
}

// A flight is replayed as fast as it goes, over and over. Whatever the consumers in other
// processes receive is, bit for bit, the row that its number says.
func TestReplay(t *testing.T) {
	rows, err := loadFlight(flight)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no flight log:", err)
	}
	must(t, err)
	dir := t.TempDir()
	var passengers []*child
	for _, how := range []string{"bytes", "copy", "view"} {
		c := spawn(t, "passenger", dir, how)
		c.expect("on board")
		passengers = append(passengers, c)
	}
	p := create(t, dir, rows[0], shm.Timeout(patience))
	eventually(t, "all are on board", func() bool { return len(list(t, dir)[0].Consumers) == len(passengers) })
	replays := times(100)
	for i := 1; i < replays*len(rows); i++ {
		must(t, p.WriteFrom(&rows[i%len(rows)]))
	}
	must(t, p.Close())
	for _, c := range passengers {
		var received, missed int
		c.hearf("received %d missed %d", &received, &missed)
		t.Logf("%s: received %d, missed %d", c.cmd.Args[len(c.cmd.Args)-1], received, missed)
		verify(t, "received and missed", received+missed, replays*len(rows))
		c.finish()
	}
}
