//go:build !linux

package demo

import "syscall"

const orphanSignal = syscall.SIGTERM

func dieWithParent() *syscall.SysProcAttr { return nil }
