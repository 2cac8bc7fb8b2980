//go:build !linux

package shm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// What the package needs of Linux, for systems that are not. Opening and creating end
// in errUnsupported before anything else is reached.

var errUnsupported = fmt.Errorf("%w: topics need Linux", errors.ErrUnsupported)

const (
	signedByte    = 0
	nameByte      = 0
	publisherByte = 0
)

type (
	identity struct{}
	fileInfo struct {
		identity
		size    int64
		links   uint64
		uid     uint32
		mode    fs.FileMode
		regular bool
	}
	watch struct{}
)

var (
	longAgo = time.Unix(1, 0)
	command = func() string { return "" }
)

func slotByte(i int) int64                                  { return int64(i) }
func lockByte(int, int64) (bool, error)                     { return false, errUnsupported }
func unlockByte(int, int64)                                 {}
func unlockRoles(int)                                       {}
func nextLocked(int, int64, int64) int64                    { return -1 }
func statFD(int) (fileInfo, error)                          { return fileInfo{}, errUnsupported }
func statPath(string) (fileInfo, error)                     { return fileInfo{}, errUnsupported }
func openFile(string, bool) (int, error)                    { return -1, errUnsupported }
func closeFD(int)                                           {}
func reopen(int, bool) (int, error)                         { return -1, errUnsupported }
func readAt(int, []byte, int64) (int, error)                { return 0, errUnsupported }
func tempFile(string) (int, string, error)                  { return -1, "", errUnsupported }
func linkFile(int, string, string) error                    { return errUnsupported }
func explainDir(_ string, err error) error                  { return err }
func unlink(string) error                                   { return errUnsupported }
func setMode(int, fs.FileMode) error                        { return errUnsupported }
func reserve(int, geometry, string) error                   { return errUnsupported }
func mapSegment(int, geometry, access) ([]byte, error)      { return nil, errUnsupported }
func unmap([]byte)                                          {}
func prefault([]byte, geometry) error                       { return errUnsupported }
func lockMemory([]byte, geometry) error                     { return errUnsupported }
func touchFile(int) error                                   { return errUnsupported }
func memFile(string) (int, error)                           { return -1, errUnsupported }
func seal(int) error                                        { return errUnsupported }
func isMemFile(int) bool                                    { return false }
func newWatch(string) (*watch, error)                       { return nil, errUnsupported }
func (*watch) wait(context.Context) error                   { return errUnsupported }
func (*watch) close()                                       {}
func haveWaitv() bool                                       { return false }
func waitv([]*atomic.Uint32, []uint32, time.Duration) error { return errUnsupported }
func sendDescriptor(*net.UnixConn, int, string) error       { return errUnsupported }
func receiveDescriptor(*net.UnixConn) (*os.File, error)     { return nil, errUnsupported }
