package board

import (
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fillFromKernel asks what no file tells.
func fillFromKernel(f *Facts) {
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		f.Kernel = unix.ByteSliceToString(u.Release[:])
		f.Machine = unix.ByteSliceToString(u.Machine[:])
		f.Preempt = preemption(unix.ByteSliceToString(u.Version[:]))
	}
	f.PageSize = os.Getpagesize()
	f.User = os.Geteuid()
	var cpus unix.CPUSet
	if unix.SchedGetaffinity(0, &cpus) == nil {
		f.Usable = cpus.Count()
	}
	var fs unix.Statfs_t
	if unix.Statfs(f.ShmDir, &fs) == nil {
		f.Shm = fileSystem(int64(fs.Type))
		f.ShmSize, f.ShmFree = int64(fs.Blocks)*int64(fs.Bsize), int64(fs.Bavail)*int64(fs.Bsize)
	}
	f.Limits.MemLock, f.Limits.Files, f.Limits.RTPrio = limit(unix.RLIMIT_MEMLOCK), limit(unix.RLIMIT_NOFILE), limit(unix.RLIMIT_RTPRIO)
	if by := Interpreter(); by != "" {
		f.Emulated = by
	}
}

func preemption(version string) string {
	for _, word := range []string{"PREEMPT_RT", "PREEMPT_DYNAMIC", "PREEMPT"} {
		if strings.Contains(version, word) {
			return word
		}
	}
	return "none"
}

func limit(which int) int64 {
	var l unix.Rlimit
	if unix.Getrlimit(which, &l) != nil {
		return 0
	}
	if uint64(l.Cur) == uint64(unix.RLIM_INFINITY) || int64(l.Cur) < 0 {
		return -1
	}
	return int64(l.Cur)
}

func fileSystem(magic int64) string {
	switch uint32(magic) {
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.RAMFS_MAGIC:
		return "ramfs"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return "another"
}

// Interpreter returns the program that interprets this one (qemu-user), or "". Such an emulator
// answers for /proc/self/exe itself, but not for the thread's own link.
func Interpreter() string {
	self, err1 := os.Readlink("/proc/self/exe")
	thread, err2 := os.Readlink("/proc/thread-self/exe")
	if err1 != nil || err2 != nil || self == thread {
		return ""
	}
	return thread
}

// mailboxThrottled asks a Raspberry Pi's firmware through its mailbox, property GET_THROTTLED.
func mailboxThrottled() (uint32, bool) {
	f, err := os.OpenFile("/dev/vcio", os.O_RDWR, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	const (
		getThrottled = 0x00030046
		success      = 0x80000000
	)
	message := [7]uint32{7 * 4, 0, getThrottled, 4, 0, 0, 0}
	// _IOWR(100, 0, char *): the size in it is that of a pointer.
	request := uintptr(3<<30 | unsafe.Sizeof(uintptr(0))<<16 | 100<<8)
	// Sound: message stays in place for the call, and its first word is its size.
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(unsafe.Pointer(&message)))
	if errno != 0 || message[1] != success {
		return 0, false
	}
	return message[5], true
}
