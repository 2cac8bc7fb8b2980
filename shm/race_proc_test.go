//go:build linux

package shm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tism-go/tism/shm"
)

func init() {
	helpers["opener"] = openAgain
	helpers["recreator"] = createAgain
	helpers["rival"] = rival
	helpers["usurper"] = usurp
	helpers["remover"] = removeAgain
}

// openAgain opens and closes the topic again and again. Args: directory, "open" or "wait".
func openAgain(a *actor) {
	dir := shm.InDir(a.args[0])
	got := map[string]int{}
	for !a.over.Load() {
		var c *shm.Consumer[[8]uint64]
		var err error
		if a.args[1] == "open" {
			c, err = shm.Open[[8]uint64]("topic", dir)
		} else {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			c, err = shm.WaitOpen[[8]uint64](ctx, "topic", dir)
			cancel()
		}
		if err == nil {
			err = lookOnce(c)
		}
		what := reason(err)
		switch {
		case what == "not exist" && a.args[1] == "open", what == "closed" && a.args[1] == "open", what == "replaced", err == nil:
			got[what]++
		default:
			a.Fatal(a.args[1], err)
		}
	}
	a.say("%v", got)
}

// lookOnce reads a value, closes the consumer, and returns what is wrong.
func lookOnce(c *shm.Consumer[[8]uint64]) error {
	v, err := c.Read()
	if err == nil && !whole(&v, v[0]) {
		err = tornError(&v, v[0])
	}
	return errors.Join(err, c.Close())
}

// createAgain creates, writes, and closes or removes the topic again and again until it is
// told to leave one. Args: directory.
func createAgain(a *actor) {
	dir := shm.InDir(a.args[0])
	enough := make(chan string, 1)
	go func() { enough <- a.hear() }()
	number := uint64(0) // over the life of one segment
	for round := 0; len(enough) == 0; round++ {
		p, err := shm.Create("topic", *stamped[[8]uint64](number + 1), dir)
		must(a, err)
		must(a, p.WriteFrom(stamped[[8]uint64](number+2)))
		number += 2
		if round%3 > 0 {
			must(a, p.Close())
			continue
		}
		must(a, p.Remove())
		number = 0
	}
	create(a, a.args[0], *stamped[[8]uint64](number + 1))
	a.say("the last one")
	a.hear()
}

// Whoever opens a topic that comes and goes gets all of it, or is told that there is none.
func TestOpenRacesCreate(t *testing.T) {
	dir := t.TempDir()
	creator := spawn(t, "recreator", dir)
	openers := []*child{spawn(t, "opener", dir, "open"), spawn(t, "opener", dir, "wait"), spawn(t, "opener", dir, "wait")}
	time.Sleep(time.Duration(times(1500)) * time.Millisecond) // the length of the experiment
	creator.send("enough")
	creator.expect("the last one")
	for _, o := range openers {
		o.end()
		t.Log(o.hear())
		o.finish()
	}
	creator.finish()
}

// rival creates the topic at the time that the parent names, and tells who has it. Args:
// directory.
func rival(a *actor) {
	for {
		var start shm.Time
		_, err := fmt.Sscan(a.hear(), &start)
		must(a, err)
		for shm.Now() < start { // all rivals at the same time
		}
		p, err := shm.Create("topic", *stamped[[8]uint64](1), shm.InDir(a.args[0]))
		var live *shm.LiveError
		switch {
		case err == nil:
			a.say("won %d", os.Getpid())
		case errors.As(err, &live) && errors.Is(err, shm.ErrLive):
			a.say("lost to %d", live.PID)
		default:
			a.Fatal(err)
		}
		switch after := a.hear(); {
		case p == nil:
		case after == "close":
			must(a, p.Close())
		case after == "remove":
			must(a, p.Remove())
		}
		a.say("done")
	}
}

// When several create a topic at once, exactly one gets it, and the others are told which.
// The topic is absent before, or its publisher has closed it, or has died.
func TestCreatesRace(t *testing.T) {
	for _, n := range []int{2, 4} {
		t.Run(fmt.Sprint("rivals=", n), func(t *testing.T) { testCreatesRace(t, n) })
	}
}

func testCreatesRace(t *testing.T, n int) {
	dir := t.TempDir()
	rivals := make([]*child, n)
	for i := range rivals {
		rivals[i] = spawn(t, "rival", dir)
	}
	for round := range times(60) {
		start := shm.Now().Add(time.Millisecond)
		for _, r := range rivals {
			r.send("%d", start)
		}
		winner, losers := 0, map[int]int{}
		for _, r := range rivals {
			line := r.hear()
			var pid int
			switch {
			case strings.HasPrefix(line, "won") && winner == 0:
				winner = r.pid()
			case strings.HasPrefix(line, "won"):
				t.Fatal("two have won")
			default:
				_, err := fmt.Sscanf(line, "lost to %d", &pid)
				must(t, err)
				losers[pid]++
			}
		}
		if winner == 0 || losers[winner] != n-1 {
			t.Fatalf("round %d: %d has won, the losers say how many lost to whom: %v", round, winner, losers)
		}
		after := []string{"remove", "close", "die"}[round%3]
		for i, r := range rivals {
			if after == "die" && r.pid() == winner {
				r.kill()
				rivals[i] = spawn(t, "rival", dir)
				continue
			}
			r.send("%s", after)
			r.expect("done")
		}
	}
}

// usurp takes the topic by force again and again. Whenever the name leads elsewhere, it must
// have been told. Args: directory.
func usurp(a *actor) {
	path := filepath.Join(a.args[0], "topic")
	kept, lost := 0, 0
	for !a.over.Load() {
		p, err := shm.Create("topic", *stamped[[8]uint64](1), shm.InDir(a.args[0]), shm.Replace(), shm.Timeout(patience))
		must(a, err)
		for range 3 {
			mine := leadsTo(path, int(p.Fd()))
			err := p.WriteFrom(stamped[[8]uint64](p.TotalWrites() + 1))
			switch {
			case reason(err) == "replaced":
				lost++
			case err != nil:
				a.Fatal(err)
			case !mine:
				a.Fatal("the name leads elsewhere, and the publisher was not told")
			default:
				kept++
			}
		}
		must(a, p.Close())
	}
	a.say("%d writes to a topic of mine, %d to one that I had lost", kept, lost)
}

// leadsTo reports whether the path leads to the descriptor's file.
func leadsTo(path string, fd int) bool {
	var named, mine syscall.Stat_t
	if syscall.Stat(path, &named) != nil || syscall.Fstat(fd, &mine) != nil {
		return false
	}
	return named.Dev == mine.Dev && named.Ino == mine.Ino
}

// removeAgain removes the topic again and again. Args: directory, "ask" or "force".
func removeAgain(a *actor) {
	remove := map[string]func(string, ...shm.Option) error{"ask": shm.Remove, "force": shm.RemoveForced}[a.args[1]]
	removed, refused := 0, 0
	for !a.over.Load() {
		switch err := remove("topic", shm.InDir(a.args[0])); {
		case err == nil:
			removed++
		case errors.Is(err, os.ErrNotExist), a.args[1] == "ask" && errors.Is(err, shm.ErrInUse):
			refused++
		default:
			a.Fatal(err)
		}
	}
	a.say("%d times removed, %d times there was none or it was in use", removed, refused)
}

// Removers and usurpers that race never take a topic away from a publisher that is not
// told, nor leave a damaged one, nor report anything else than what happened.
func TestForceRaces(t *testing.T) {
	dir := t.TempDir()
	racers := []*child{
		spawn(t, "usurper", dir), spawn(t, "usurper", dir),
		spawn(t, "remover", dir, "ask"), spawn(t, "remover", dir, "force"), spawn(t, "opener", dir, "open"),
	}
	time.Sleep(time.Duration(times(1500)) * time.Millisecond) // the length of the experiment
	for _, r := range racers {
		r.end()
		t.Log(r.role, r.hear())
	}
	for _, r := range racers {
		r.finish()
	}
	p := create(t, dir, *stamped[[8]uint64](1), shm.Replace())
	must(t, writeNext(p))
	verify(t, "topics that are left", len(list(t, dir)), 1)
}

func init() {
	helpers["writer until"] = writeUntil
	helpers["consumer until"] = consumeUntil
}

// writeUntil creates the topic and writes until it cannot, and tells why.
func writeUntil(a *actor) {
	p := create(a, a.args[0], *stamped[[8]uint64](1))
	a.say("writes")
	for !a.over.Load() {
		if err := p.WriteFrom(stamped[[8]uint64](p.TotalWrites() + 1)); err != nil {
			a.say("%s", reason(err))
			a.hear()
		}
	}
}

// consumeUntil reads in the way of its argument until it cannot, and tells why.
func consumeUntil(a *actor) {
	c := open[[8]uint64](a, a.args[0])
	look := ways[[8]uint64]()[a.args[1]]
	a.say("reads")
	for !a.over.Load() {
		if err := look(c); err != nil {
			a.say("%s, %v", reason(err), c.State())
			a.hear()
		}
	}
}

// A live publisher and its consumers are told that their topic was replaced or removed,
// whatever they are doing.
func TestForceTellsEverybody(t *testing.T) {
	by := map[string]func(*testing.T, string){
		"replace": func(t *testing.T, dir string) {
			p := create(t, dir, *stamped[[8]uint64](1), shm.Replace())
			c := open[[8]uint64](t, dir)
			_, err := c.Read()
			must(t, err)
			must(t, writeNext(p))
		},
		"remove": func(t *testing.T, dir string) {
			must(t, shm.RemoveForced("topic", shm.InDir(dir)))
			_, err := shm.Open[[8]uint64]("topic", shm.InDir(dir))
			wantErr(t, "open after the removal", err, os.ErrNotExist)
		},
	}
	for name, do := range by {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			users := []*child{spawn(t, "writer until", dir)}
			users[0].expect("writes")
			for _, how := range []string{"read", "next", "guard", "view"} {
				c := spawn(t, "consumer until", dir, how)
				c.expect("reads")
				users = append(users, c)
			}
			do(t, dir)
			users[0].expect("replaced")
			for _, c := range users[1:] {
				c.expect("replaced, replaced")
			}
			for _, u := range users {
				u.finish()
			}
		})
	}
}
