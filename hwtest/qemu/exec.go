package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/hwtest/qemu/internal/initramfs"
	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
	"github.com/tism-go/tism/hwtest/qemu/internal/machine"
)

func newExec(cache *kernels.Cache) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "exec BOARD[/SYSTEM] -- PROGRAM [ARG...]",
		Short: "Run one program on an emulated board, as 'go test -exec' wants it",
		Long: `Runs a static program on an emulated board and ends with its exit status. A board alone
means qemu-user. The program is started in this directory under qemu-user; on a booted
kernel in one of its own, with a copy of this directory's testdata.

For 'go test -exec' build it first: 'go run' there would start in each package's directory and
build the wrapper for the board.`,
		Example: `  go build -o /tmp/qemu ./hwtest/qemu
  GOARCH=arm64 go test -exec '/tmp/qemu exec pi4 --' ./futex ./shm
  GOARCH=arm GOARM=6 go test -exec '/tmp/qemu exec pi-zero --' -run TestTakeover -v ./shm
  GOARCH=arm64 go test -exec '/tmp/qemu exec pi5/16k --' ./shm`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("exec: which board, and which program?")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if args[1] == "--" { // pflag leaves it where an argument stands before it
				args = slices.Delete(args, 1, 2)
			}
			if len(args) < 2 {
				return usagef("exec %s: which program?", name)
			}
			if !strings.Contains(name, "/") {
				name += "/user"
			}
			rows, err := named(name)
			if err != nil {
				return err
			}
			if err := suits(args[1], rows[0].target.GOARCH); err != nil {
				return err
			}
			p := machine.Program{Name: filepath.Base(args[1]), Path: args[1], Args: args[2:], Timeout: timeout}
			w := machine.Watch{Output: cmd.OutOrStdout(), Begin: func(int) {}, End: func(int, machine.Result) {}}
			var r machine.Result
			if rows[0].system == nil {
				r, err = machine.User(cmd.Context(), *rows[0].target.User, p, ".", 0, w)
			} else {
				r, err = execBooted(cmd, cache, rows[0], p, w)
			}
			if err != nil {
				return err
			}
			if r.Late {
				return fmt.Errorf("%s ran longer than %v; --timeout allows more", p.Name, timeout)
			}
			if r.Code != 0 {
				return exitError(r.Code)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "for the program")
	return cmd
}

func execBooted(cmd *cobra.Command, cache *kernels.Cache, r row, p machine.Program, w machine.Watch) (machine.Result, error) {
	if err := withDir(cache); err != nil {
		return machine.Result{}, err
	}
	image, err := cache.Get(cmd.Context(), r.system.Kernel)
	if err != nil {
		return machine.Result{}, err
	}
	b, err := newBuilder()
	if err != nil {
		return machine.Result{}, err
	}
	defer b.close()
	init, err := b.program(cmd.Context(), r.build, "./hwtest/qemu/internal/initd")
	if err != nil {
		return machine.Result{}, err
	}
	here, err := os.Getwd()
	if err != nil {
		return machine.Result{}, err
	}
	p.Dir = "work"
	if rel, err := filepath.Rel(b.root, here); err == nil && filepath.IsLocal(rel) {
		p.Dir = filepath.ToSlash(rel)
	}
	files, err := sources(b.root, here, p.Dir)
	if err != nil {
		return machine.Result{}, err
	}
	boot := machine.Boot{System: *r.system, Image: image, Init: init, Programs: []machine.Program{p}, Files: files}
	report, err := boot.Run(cmd.Context(), w)
	if err != nil {
		return machine.Result{}, err
	}
	return report.Results[0], nil
}

// sources are the files that tests read: the layout page, and a package's testdata.
func sources(root, from, to string) (files []initramfs.File, err error) {
	page := filepath.Join(root, "docs", "LAYOUT.md")
	files = append(files, initramfs.File{Path: "tism/docs/LAYOUT.md", From: page})
	err = filepath.WalkDir(filepath.Join(from, "testdata"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(from, path)
			files = append(files, initramfs.File{Path: filepath.ToSlash(filepath.Join("tism", to, rel)), From: path})
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, err
}

var architectures = map[elf.Machine]string{elf.EM_AARCH64: "arm64", elf.EM_ARM: "arm", elf.EM_RISCV: "riscv64", elf.EM_X86_64: "amd64", elf.EM_386: "386"}

// suits refuses a program that the board can't run at all.
func suits(program, arch string) error {
	f, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("reading the program %s: %w", program, err)
	}
	defer f.Close()
	if got := architectures[f.Machine]; got != arch && !(got == "arm" && arch == "arm64") {
		return fmt.Errorf("%s is built for %s, the board wants GOARCH=%s", program, f.Machine, arch)
	}
	return nil
}
