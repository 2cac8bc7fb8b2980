//go:build unix

package main

import "syscall"

// What the system says of a directory that can't take the results.
const (
	errReadOnly     = syscall.EROFS
	errNoSpace      = syscall.ENOSPC
	errNotDirectory = syscall.ENOTDIR
)
