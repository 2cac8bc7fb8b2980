package demo

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tism-go/tism/internal/term"
	"github.com/tism-go/tism/shm"
)

// refresh is the time between two pictures.
const refresh = 100 * time.Millisecond

// A monitor follows both topics, shows them, and publishes what it saw.
type monitor struct {
	part     *Part
	started  shm.Time
	board    feed[Board]
	estimate feed[Estimate]
	from     uint64 // Estimate.From of the newest estimate
	skipped  atomic.Uint64
	view     view
}

func (p *Part) monitor(ctx context.Context, out *os.File) error {
	boards, err := shm.WaitOpen[Board](ctx, p.topic(topicBoard))
	if err != nil {
		return err
	}
	defer boards.Close()
	estimates, err := shm.WaitOpen[Estimate](ctx, p.topic(topicEstimate))
	if err != nil {
		return err
	}
	defer estimates.Close()
	reports, err := shm.Create(p.topic(topicReport), Report{})
	if err != nil {
		return err
	}
	defer reports.Close()

	m := &monitor{part: p, started: shm.Now()}
	m.board.sub = boards
	m.estimate.sub, m.estimate.each = estimates, m.countSkipped
	m.view = newView(p.run, p.duration)
	var feeds sync.WaitGroup
	feeds.Go(func() { m.board.follow(ctx) })
	feeds.Go(func() { m.estimate.follow(ctx) })
	err = m.show(ctx, out, reports)
	if ctx.Err() == nil {
		return err // the feeds end with the process
	}
	feeds.Wait() // before the handles are closed under them
	return err
}

// countSkipped counts the boards between the one that an estimate was made from and
// that of the estimate before.
func (m *monitor) countSkipped(e Estimate) {
	if m.from != 0 && e.From > m.from {
		m.skipped.Add(e.From - m.from - 1)
	}
	m.from = e.From
}

// show draws, and publishes the report, until ctx is done.
func (m *monitor) show(ctx context.Context, out *os.File, reports *shm.Publisher[Report]) error {
	draw, done := m.drawer(out)
	defer done()
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		report, err := m.look()
		if err == nil {
			err = reports.WriteFrom(&report)
		}
		if err == nil {
			err = draw()
		}
		if ctx.Err() != nil {
			return nil // others may be cleaning up already
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done(): // one last look
		case <-tick.C:
		}
	}
}

// look brings the view up to date.
func (m *monitor) look() (Report, error) {
	board, estimate := m.board.snapshot(), m.estimate.snapshot()
	boardStatus, err := shm.Stat(m.part.topic(topicBoard))
	if err != nil {
		return Report{}, err
	}
	estimateStatus, err := shm.Stat(m.part.topic(topicEstimate))
	if err != nil {
		return Report{}, err
	}
	m.view.now = m.started.Age()
	m.view.update(&m.view.board, board.FeedReport, board.err, boardStatus)
	m.view.update(&m.view.estimate, estimate.FeedReport, estimate.err, estimateStatus)
	m.view.measure(board.newest, estimate.newest)
	return Report{Board: board.FeedReport, Estimate: estimate.FeedReport, Skipped: m.skipped.Load()}, nil
}

// drawer returns how to show the view, and what to do in the end.
func (m *monitor) drawer(out *os.File) (draw func() error, done func()) {
	if m.part.plain {
		lines := &liner{due: linePause / 2} // when there is something to show
		return func() error { return printLines(out, lines.lines(&m.view)) }, func() {}
	}
	screen, paint := term.NewScreen(out), term.Colours()
	return func() error {
		cols, rows, _ := term.Size(out)
		return screen.Draw(m.view.picture(cols, rows, paint))
	}, screen.Close
}

func printLines(out *os.File, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}
