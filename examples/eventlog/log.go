package main

//go:generate go tool msgp -io=false -tests=false
//msgp:limit arrays:64 maps:64

// Tail is the end of a log. A topic has only its newest value, so a value that holds
// several entries is how a consumer that looks now and then misses none.
type Tail struct {
	Entries []Entry `msg:"entries"`
}

// An Entry is an event with its text.
type Entry struct {
	Number uint64 `msg:"n"`
	TimeUS uint64 `msg:"t"`
	Level  Level  `msg:"level"`
	Source string `msg:"source"`
	Text   string `msg:"text"`
}

// A Level says how bad it is. It is encoded as its number.
type Level uint8

// The levels.
const (
	Info Level = iota
	Warning
	Error
)

func (l Level) String() string { return [...]string{"info", "warning", "error"}[l%3] }
