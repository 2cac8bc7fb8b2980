package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

const (
	maxDump     = 256 // bytes of an opaque value that are shown
	maxElements = 16  // elements of an array, in each dimension, or runs of equal ones
	minRun      = 4   // equal elements that are written as a run
)

// valueLines returns a payload as people read it.
func valueLines(t shm.Type, payload []byte) []string {
	switch t.Kind {
	case shm.Struct:
		return structLines(t, payload)
	case shm.MessagePack:
		if text, err := messageJSON(payload); err == nil {
			return []string{string(indented(text))}
		}
	}
	return dump(payload)
}

// structLines is the type descriptor with the value of each field.
func structLines(t shm.Type, payload []byte) []string {
	table := new(term.Table)
	table.Row("OFFSET", "FIELD", "TYPE", "VALUE")
	table.Right(0)
	for _, f := range t.Fields {
		table.Row(strconv.Itoa(f.Offset), f.Name, fieldType(f), arrayText(f, f.Dims, elements(f, payload)))
	}
	return table.Lines()
}

// fieldType is the field's type as the descriptor writes it.
func fieldType(f shm.Field) string {
	line := strings.Split(shm.Type{Fields: []shm.Field{f}}.String(), "\n")[1]
	return strings.Split(line, " ")[1]
}

// elements returns all elements of a field, those of the last dimension side by side.
func elements(f shm.Field, payload []byte) []any {
	var all []any
	for _, v := range (shm.Type{Fields: []shm.Field{f}}).All(payload) {
		all = append(all, v)
	}
	return all
}

// arrayText writes the elements of an array of the given dimensions, or the one
// element where there are none left. Bytes that look like text are shown as text.
func arrayText(f shm.Field, dims []shm.Dim, all []any) string {
	if len(dims) == 0 {
		return elementText(all)
	}
	if len(dims) == 1 && f.Elem.Size() == 1 {
		if text, ok := asText(all); ok {
			return strconv.Quote(text)
		}
	}
	n := dims[0].Len
	inner := len(all) / n
	parts := make([]string, n)
	for i := range parts {
		parts[i] = arrayText(f, dims[1:], all[i*inner:][:inner])
	}
	return "[" + strings.Join(compact(parts), " ") + "]"
}

// compact writes runs of equal elements once, and leaves out what is too much to read.
func compact(parts []string) []string {
	var short []string
	for i := 0; i < len(parts); {
		if len(short) == maxElements {
			return append(short, fmt.Sprintf("… %d more", len(parts)-i))
		}
		run := i + 1
		for run < len(parts) && parts[run] == parts[i] {
			run++
		}
		if run-i < minRun {
			run = i + 1
			short = append(short, parts[i])
		} else {
			short = append(short, fmt.Sprintf("%s ×%d", parts[i], run-i))
		}
		i = run
	}
	return short
}

func elementText(all []any) string {
	if len(all) == 0 {
		return "missing"
	}
	switch v := all[0].(type) {
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	default:
		return fmt.Sprint(v)
	}
}

// floatText writes a number without an exponent where that is not too long.
func floatText(x float64, bits int) string {
	form := byte('f')
	if size := math.Abs(x); size != 0 && size < 1e-4 || size >= 1e15 {
		form = 'g'
	}
	return strconv.FormatFloat(x, form, -1, bits)
}

// asText reports whether bytes are text that is padded with NULs.
func asText(all []any) (string, bool) {
	b := make([]byte, len(all))
	for i, v := range all {
		u, ok := v.(uint64)
		if !ok {
			return "", false
		}
		b[i] = byte(u)
	}
	text := strings.TrimRight(string(b), "\x00")
	printable := utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
	return text, printable && text != ""
}

func dump(payload []byte) []string {
	if len(payload) == 0 {
		return []string{"(empty)"}
	}
	shown := payload[:min(len(payload), maxDump)]
	lines := strings.Split(strings.TrimSuffix(hex.Dump(shown), "\n"), "\n")
	if more := len(payload) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("… %d more bytes", more))
	}
	return lines
}

// valueJSON returns a payload as JSON.
func valueJSON(t shm.Type, payload []byte) (json.RawMessage, error) {
	switch t.Kind {
	case shm.Struct:
		return structJSON(t, payload)
	case shm.MessagePack:
		return messageJSON(payload)
	}
	return json.Marshal(payload)
}

// structJSON writes the fields in their order in memory, which a map would lose.
func structJSON(t shm.Type, payload []byte) (json.RawMessage, error) {
	b := bytes.NewBufferString("{")
	for i, f := range t.Fields {
		name, err := json.Marshal(f.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(arrayJSON(f.Dims, elements(f, payload)))
		if err != nil {
			return nil, fmt.Errorf("encoding field %s: %w", f.Name, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func arrayJSON(dims []shm.Dim, all []any) any {
	if len(dims) == 0 {
		return elementJSON(all)
	}
	inner := len(all) / dims[0].Len
	array := make([]any, dims[0].Len)
	for i := range array {
		array[i] = arrayJSON(dims[1:], all[i*inner:][:inner])
	}
	return array
}

func elementJSON(all []any) any {
	if len(all) == 0 {
		return nil
	}
	switch v := all[0].(type) {
	case float32:
		return finite(float64(v), v)
	case float64:
		return finite(v, v)
	case complex128:
		return []any{finite(real(v), real(v)), finite(imag(v), imag(v))}
	default:
		return v
	}
}

// finite is v, or nil where x is not what JSON calls a number.
func finite(x float64, v any) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return v
}

// messageJSON converts MessagePack, and trusts it as little as anything in shared
// memory: what it makes of it must be JSON.
func messageJSON(payload []byte) (json.RawMessage, error) {
	var b bytes.Buffer
	rest, err := msgp.UnmarshalAsJSON(&b, payload)
	switch {
	case err != nil:
		return nil, fmt.Errorf("decoding MessagePack: %w", err)
	case len(rest) > 0:
		return nil, fmt.Errorf("decoding MessagePack: %d bytes are left over", len(rest))
	case !json.Valid(b.Bytes()):
		return nil, fmt.Errorf("decoding MessagePack: it has no form in JSON")
	}
	return b.Bytes(), nil
}

func indented(text []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return text
	}
	return b.Bytes()
}
