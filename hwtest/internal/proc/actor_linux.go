package proc

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// An Actor is what a role gets: its arguments and its line to the parent.
type Actor struct {
	Args  []string
	lines chan string // from the parent; closed at the end of input
	over  atomic.Bool
}

var roles = map[string]func(*Actor) error{}

// Role registers a role. Call it from init functions.
func Role(name string, play func(*Actor) error) { roles[name] = play }

// Play plays the role that this process was started for and ends it; it returns at once if there is
// none. Call it first in main.
func Play() {
	name := os.Getenv(roleVariable)
	if name == "" {
		return
	}
	play, ok := roles[name]
	if !ok {
		fatal(fmt.Errorf("no such role: %s", name))
	}
	if err := pinAsTold(); err != nil {
		fatal(err)
	}
	a := &Actor{Args: os.Args[1:], lines: make(chan string)}
	go a.listen()
	if err := play(a); err != nil {
		fatal(fmt.Errorf("%s %s: %w", name, strings.Join(a.Args, " "), err))
	}
	os.Exit(0)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func pinAsTold() error {
	list := os.Getenv(cpusVariable)
	if list == "" {
		return nil
	}
	var cpus []int
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("%s=%q: %w", cpusVariable, list, err)
		}
		cpus = append(cpus, n)
	}
	return PinProcess(cpus...)
}

func (a *Actor) listen() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		a.lines <- in.Text()
	}
	a.over.Store(true)
	close(a.lines)
}

// Over reports whether the parent wants the end.
func (a *Actor) Over() bool { return a.over.Load() }

// Hear returns the parent's next line, and ends the process when there is none.
func (a *Actor) Hear() string {
	line, ok := <-a.lines
	if !ok {
		os.Exit(0)
	}
	return line
}

// Say tells the parent a line.
func (a *Actor) Say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// Number is argument i as a number, 0 if it is none.
func (a *Actor) Number(i int) int {
	if i >= len(a.Args) {
		return 0
	}
	n, _ := strconv.Atoi(a.Args[i])
	return n
}

// Has reports whether the arguments contain the word.
func (a *Actor) Has(word string) bool { return slices.Contains(a.Args, word) }
