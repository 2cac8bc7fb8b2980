//go:build !unix

package main

import "errors"

var (
	errReadOnly     = errors.New("read-only")
	errNoSpace      = errors.New("no space")
	errNotDirectory = errors.New("not a directory")
)
