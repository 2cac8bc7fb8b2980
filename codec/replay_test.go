package codec_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	"github.com/tism-go/tism/codec"
	"github.com/tism-go/tism/shm"
)

// flightData lies beside the work tree.
const flightData = "../../shared/data"

// A row is what a line of a file becomes.
type row[T any] interface {
	codec.Value[T]
	columns() []any
}

func init() {
	children["replay/sensor_combined"] = replay[SensorCombined]
	children["replay/vehicle_attitude"] = replay[VehicleAttitude]
	children["replay/vehicle_local_position"] = replay[VehicleLocalPosition]
	children["replay/actuator_outputs"] = replay[ActuatorOutputs]
}

// TestReplay replays a real flight as MessagePack from one process to another. Each row
// is published when the one before it has arrived, so that all are compared.
func TestReplay(t *testing.T) {
	t.Run("sensor_combined", testReplay[SensorCombined])
	t.Run("vehicle_attitude", testReplay[VehicleAttitude])
	t.Run("vehicle_local_position", testReplay[VehicleLocalPosition])
	t.Run("actuator_outputs", testReplay[ActuatorOutputs])
}

func testReplay[T any, P row[T]](t *testing.T) {
	name := filepath.Base(t.Name())
	rows, err := readRows[T, P](name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no flight data: %v", err)
	}
	must(t, err)
	dir := t.TempDir()
	seen, err := shm.Create("seen", uint64(0), shm.InDir(dir))
	closing(t, seen, err)
	child := start(t, nil, "replay/"+name, name, dir)
	c, err := codec.WaitOpen[T, P](soon(t), "flight", shm.InDir(dir))
	closing(t, c, err)
	for i, want := range rows {
		u, err := c.Next(soon(t))
		must(t, err)
		check(t, "number", u.Number, uint64(i+1))
		if !reflect.DeepEqual(u.Value, want) {
			t.Fatalf("row %d is %+v, want %+v", i, u.Value, want)
		}
		must(t, seen.Write(u.Number))
	}
	_, err = c.Next(soon(t))
	wantErr(t, "Next after the last row", err, shm.ErrClosed)
	child.succeed(t)
	t.Logf("%d rows", len(rows))
}

// replay, in a child, publishes the rows of a file.
func replay[T any, P row[T]](args []string) error {
	rows, err := readRows[T, P](args[0])
	if err != nil {
		return err
	}
	in := shm.InDir(args[1])
	seen, err := shm.Open[uint64]("seen", in)
	if err != nil {
		return err
	}
	defer seen.Close()
	var p *codec.Publisher[T]
	for i := range rows {
		if p == nil {
			p, err = codec.Create[T, P]("flight", 1024, rows[i], in)
		} else {
			err = p.WriteFrom(&rows[i])
		}
		for err == nil && seen.Info().Number <= uint64(i+1) { // it began with 0
			_, err = seen.NextTimeout(patience)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return p.Close()
}

func readRows[T any, P row[T]](name string) ([]T, error) {
	f, err := os.Open(filepath.Join(flightData, name+".csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	rows := make([]T, len(lines)-1)
	for i, cells := range lines[1:] {
		if err := parseRow(cells, P(&rows[i]).columns()); err != nil {
			return nil, fmt.Errorf("%s.csv: row %d: %w", name, i, err)
		}
	}
	return rows, nil
}

// parseRow stores the cells where the columns point to, of which some are arrays.
func parseRow(cells []string, columns []any) error {
	for _, column := range columns {
		v := reflect.ValueOf(column).Elem()
		elems := []reflect.Value{v}
		if v.Kind() == reflect.Array || v.Kind() == reflect.Slice {
			elems = elems[:0]
			for i := range v.Len() {
				elems = append(elems, v.Index(i))
			}
		}
		if len(elems) > len(cells) {
			return fmt.Errorf("%d cells are missing", len(elems)-len(cells))
		}
		for i, e := range elems {
			if err := parseCell(cells[i], e); err != nil {
				return err
			}
		}
		cells = cells[len(elems):]
	}
	if len(cells) > 0 {
		return fmt.Errorf("%d cells are left", len(cells))
	}
	return nil
}

func parseCell(cell string, v reflect.Value) error {
	f, err := strconv.ParseFloat(cell, 64) // exact for all integers that occur
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		v.SetFloat(f)
	case reflect.Bool:
		v.SetBool(f != 0)
	case reflect.Int32:
		v.SetInt(int64(f))
	default:
		v.SetUint(uint64(f))
	}
	return err
}
