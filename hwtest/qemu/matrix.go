package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tism-go/tism/hwtest/qemu/internal/initramfs"
	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
	"github.com/tism-go/tism/hwtest/qemu/internal/machine"
)

const defaultTimeout = 10 * time.Minute

// A matrix is one run of programs on machines.
type matrix struct {
	all, user, system bool
	only, logs        string
	timeout           time.Duration
	cache             kernels.Cache

	out     io.Writer
	builder *builder
	show    *progress
}

// programs in the order of the table's columns.
var programs = []string{"futex", "shm", "codec", "hwtest", "mixed"}

func (m *matrix) run(ctx context.Context, words []string) error {
	rows, err := choose(words, m.all, m.user, m.system)
	if err != nil {
		return err
	}
	columns, err := m.columns()
	if err != nil {
		return err
	}
	if err := m.prepare(); err != nil {
		return err
	}
	defer m.builder.close()
	m.show = newProgress(m.out, len(rows))
	var results []outcome
	for i, r := range rows {
		m.show.row(i, r.name())
		o := m.tryAgain(ctx, r, columns)
		m.show.over(o)
		results = append(results, o)
		if ctx.Err() != nil {
			break
		}
	}
	m.show.clear()
	failed := printTable(m.out, columns, results)
	fmt.Fprintln(m.out, "logs:", m.logs)
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case failed > 0 && !slices.ContainsFunc(results, outcome.judged):
		return exitError(2)
	case failed > 0:
		return exitError(1)
	}
	return nil
}

func (m *matrix) columns() ([]string, error) {
	if m.only == "" {
		return programs, nil
	}
	columns := strings.Split(m.only, ",")
	for _, c := range columns {
		if !slices.Contains(programs, c) {
			return nil, usagef("--run %q: there are %q", c, programs)
		}
	}
	return columns, nil
}

func (m *matrix) prepare() (err error) {
	if err := withDir(&m.cache); err != nil {
		return err
	}
	if m.logs == "" {
		m.logs, err = os.MkdirTemp("", "tism-qemu-logs-")
	} else {
		err = os.MkdirAll(m.logs, 0o755)
	}
	if err != nil {
		return fmt.Errorf("making the directory for logs: %w; pass a --logs DIR that you may write to", err)
	}
	m.builder, err = newBuilder()
	m.cache.Log = func(format string, args ...any) { m.show.note(fmt.Sprintf(format, args...)) }
	return err
}

// An outcome is a row of the table.
type outcome struct {
	row    row
	cells  map[string]cell
	kernel string
	took   time.Duration
	err    error // that has nothing to do with one program
	again  bool  // hung once, and was tried a second time
	log    string
}

// judged reports whether a test failed, or the machine did, rather than something being missing that a
// message says how to get.
func (o outcome) judged() bool {
	for _, reason := range []error{machine.ErrNoEmulator, kernels.ErrMissing, syscall.ENOSPC, errBuild} {
		if errors.Is(o.err, reason) {
			o.err = nil
		}
	}
	return o.failed()
}

func (o outcome) failed() bool {
	for _, c := range o.cells {
		if c.failed {
			return true
		}
	}
	return o.err != nil
}

// tryAgain gives the emulators that are known to hang a second chance, and says so.
func (m *matrix) tryAgain(ctx context.Context, r row, columns []string) outcome {
	o := m.try(ctx, r, columns, "")
	if r.system != nil && r.system.Hangs && errors.Is(o.err, machine.ErrHung) && ctx.Err() == nil {
		m.show.note(r.name() + ": the emulator hangs, as it is known to; once more")
		o = m.try(ctx, r, columns, ".second")
		o.again = true
	}
	if ctx.Err() != nil {
		o.err = errInterrupted // not what became of a program that was killed for it
	}
	return o
}

var errInterrupted = errors.New("interrupted")

func (m *matrix) try(ctx context.Context, r row, columns []string, suffix string) (o outcome) {
	start := time.Now()
	o = outcome{row: r, cells: map[string]cell{}}
	defer func() { o.took = time.Since(start) }()
	o.log = filepath.Join(m.logs, strings.NewReplacer("/", "-", " ", "-").Replace(r.name())+suffix+".log")
	file, err := os.Create(o.log)
	if err != nil {
		o.err = err
		return o
	}
	defer file.Close()
	log := &logWriter{to: file}
	defer func() { o.err = errors.Join(o.err, log.err) }()
	if o.err = m.have(ctx, r); o.err != nil {
		return o
	}
	if len(r.refuses) > 0 {
		c, err := m.refused(ctx, r, log)
		if o.err = err; err == nil {
			o.cells["futex"] = c
		}
		return o
	}
	list, err := m.programs(ctx, r, columns)
	if err != nil {
		o.err = err
		return o
	}
	if r.system == nil {
		o.err = m.emulate(ctx, r, list, log, o.cells)
		return o
	}
	o.kernel, o.err = m.boot(ctx, r, list, log, o.cells)
	return o
}

// A logWriter keeps its error to itself: a full disk must not end the program that is logged.
type logWriter struct {
	to  io.Writer
	err error
}

func (l *logWriter) Write(b []byte) (int, error) {
	if l.err == nil {
		if _, err := l.to.Write(b); err != nil {
			l.err = fmt.Errorf("writing the log: %w; make room, or pass --logs DIR on another disk", err)
		}
	}
	return len(b), nil
}

// have says what is missing of a machine, before anything is built for it.
func (m *matrix) have(ctx context.Context, r row) error {
	if err := r.emulator(); err != nil || r.system == nil {
		return err
	}
	m.show.job("fetching the kernel")
	_, err := m.cache.Get(ctx, r.system.Kernel)
	return err
}

// programs builds what runs on a machine.
func (m *matrix) programs(ctx context.Context, r row, columns []string) (list []machine.Program, err error) {
	add := func(column, dir, path string, args ...string) {
		list = append(list, machine.Program{Name: filepath.Base(path), Path: path, Dir: dir, Args: args, Timeout: m.timeout})
	}
	for _, column := range columns {
		m.show.job("building " + column)
		var path string
		switch column {
		case "hwtest":
			if path, err = m.builder.program(ctx, r.build, "./hwtest"); err == nil {
				add(column, "hwtest", path, "--quick", "--tap")
			}
		case "mixed":
			err = m.mixed(ctx, r, add)
		default:
			if path, err = m.builder.test(ctx, r.build, "./"+column); err == nil {
				add(column, column, path, "-test.short", "-test.v", "-test.timeout="+m.timeout.String())
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// mixed lets 32-bit and 64-bit programs share topics where a kernel runs both.
func (m *matrix) mixed(ctx context.Context, r row, add func(column, dir, path string, args ...string)) error {
	if r.system == nil || r.target.GOARCH != "arm" || r.system.Kernel.Debian != "arm64" {
		return nil
	}
	narrow, err := m.builder.program(ctx, r.build, "./hwtest/qemu/internal/peer")
	if err != nil {
		return err
	}
	wide, err := m.builder.program(ctx, mustFind("arm64"), "./hwtest/qemu/internal/peer")
	if err != nil {
		return err
	}
	add("mixed", "mixed32", narrow, "drive", "/tism/mixed32/peer", "/tism/mixed64/peer")
	add("mixed", "mixed64", wide, "drive", "/tism/mixed64/peer", "/tism/mixed32/peer")
	return nil
}

func columnOf(p machine.Program) string {
	name := strings.TrimSuffix(p.Name, ".test")
	if name == "peer" {
		return "mixed"
	}
	return name
}

func (m *matrix) emulate(ctx context.Context, r row, list []machine.Program, log io.Writer, cells map[string]cell) error {
	for _, p := range list {
		column := columnOf(p)
		m.show.job(column)
		var text bytes.Buffer
		w := machine.Watch{Output: io.MultiWriter(log, &text, m.show)}
		fmt.Fprintf(log, "=== %s on %s\n", column, r.name())
		result, err := machine.User(ctx, *r.target.User, p, filepath.Join(m.builder.root, p.Dir), 0, w)
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		cells[column] = judge(cells[column], result, text.String())
		m.show.ended(column, cells[column])
	}
	return nil
}

func (m *matrix) boot(ctx context.Context, r row, list []machine.Program, log io.Writer, cells map[string]cell) (string, error) {
	image, err := m.cache.Get(ctx, r.system.Kernel)
	if err != nil {
		return "", err
	}
	init, err := m.builder.program(ctx, r.build, "./hwtest/qemu/internal/initd")
	if err != nil {
		return "", err
	}
	var files []initramfs.File
	for _, p := range list {
		more, err := sources(m.builder.root, filepath.Join(m.builder.root, p.Dir), p.Dir)
		if err != nil {
			return "", err
		}
		files = append(files, more...)
	}
	m.show.job("booting")
	var text bytes.Buffer
	w := machine.Watch{
		Output: io.MultiWriter(log, &text, m.show),
		Begin: func(job int) {
			text.Reset()
			fmt.Fprintf(log, "=== %s on %s\n", columnOf(list[job]), r.name())
			m.show.job(columnOf(list[job]))
		},
		End: func(job int, result machine.Result) {
			column := columnOf(list[job])
			cells[column] = judge(cells[column], result, text.String())
			m.show.ended(column, cells[column])
		},
	}
	if len(list) == 0 {
		return image.Package, nil
	}
	boot := machine.Boot{System: *r.system, Image: image, Init: init, Programs: list, Files: unique(files)}
	report, err := boot.Run(ctx, w)
	fmt.Fprintln(log, "=== facts", report.Facts, err)
	return report.Facts["kernel"], errors.Join(err, m.promised(r, report))
}

// promised holds a booted machine to what it stands for.
func (m *matrix) promised(r row, report machine.Report) error {
	if len(report.Facts) == 0 {
		return nil // did not come that far
	}
	var err error
	if page, _ := strconv.Atoi(report.Facts["page"]); page != r.system.PageSize {
		err = fmt.Errorf("the kernel has pages of %d bytes, want %d", page, r.system.PageSize)
	}
	if (report.Facts["rt"] == "yes") != r.system.Kernel.RT {
		err = errors.Join(err, fmt.Errorf("PREEMPT_RT is %q, want %v", report.Facts["rt"], r.system.Kernel.RT))
	}
	return err
}

func unique(files []initramfs.File) (kept []initramfs.File) {
	seen := map[string]bool{}
	for _, f := range files {
		if !seen[f.Path] {
			kept = append(kept, f)
		}
		seen[f.Path] = true
	}
	return kept
}

// refused runs a program that the machine's CPU can't: it must say so, or die of SIGILL.
func (m *matrix) refused(ctx context.Context, r row, log io.Writer) (cell, error) {
	m.show.job("building futex")
	path, err := m.builder.test(ctx, r.build, "./futex")
	if err != nil {
		return cell{}, err
	}
	m.show.job("must refuse")
	var text bytes.Buffer
	p := machine.Program{Name: "futex.test", Path: path, Dir: "futex", Args: []string{"-test.short"}, Timeout: m.timeout}
	// In the builder's directory, since QEMU may leave a core file.
	result, err := machine.User(ctx, *r.target.User, p, m.builder.dir, 0, machine.Watch{Output: io.MultiWriter(log, &text)})
	if err != nil {
		return cell{}, err
	}
	if ctx.Err() != nil {
		return cell{}, ctx.Err()
	}
	fmt.Fprintln(log, "=== exit code", result.Code)
	c := judgeRefusal(result, text.String(), r.refuses)
	m.show.ended("futex", c)
	return c, nil
}
