package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tism-go/tism/cross/boards"
	"github.com/tism-go/tism/hwtest/qemu/internal/kernels"
)

func newKernels(cache *kernels.Cache) *cobra.Command {
	var refresh, some bool
	cmd := &cobra.Command{
		Use:   "kernels [NAME...]",
		Short: "Fetch kernels into the cache, for runs without network",
		Long:  "Fetches kernels (without names: all of them) into the cache, for runs without network, and lists what it has.",
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := withDir(cache); err != nil {
				return err
			}
			cache.Log = func(format string, args ...any) { fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...) }
			wanted, err := findKernels(names)
			if err != nil {
				return err
			}
			missing := 0
			for _, k := range wanted {
				get := cache.Get
				if refresh {
					get = cache.Fetch
				}
				image, err := get(cmd.Context(), k)
				if err != nil {
					missing++
					fmt.Fprintln(cmd.ErrOrStderr(), "qemu:", err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", k.Name, image.Package)
			}
			if some && missing < len(wanted) {
				return nil
			}
			if missing > 0 {
				return fmt.Errorf("%d of %d kernels are missing", missing, len(wanted))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&refresh, "refresh", false, "fetch the newest in place of those in the cache")
	cmd.Flags().BoolVar(&some, "some", false, "be content with some of them: a mirror may lack one for a day")
	return cmd
}

func findKernels(names []string) (wanted []boards.Kernel, err error) {
	all := boards.Kernels()
	if len(names) == 0 {
		return all, nil
	}
	var known []string
	for _, k := range all {
		known = append(known, k.Name)
	}
	for _, name := range names {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, usagef("no kernel %q; there are %q", name, known)
		}
		wanted = append(wanted, all[i])
	}
	return wanted, nil
}
