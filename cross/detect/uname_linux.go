package detect

import "golang.org/x/sys/unix"

// unameMachine is this kernel's own architecture.
func unameMachine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Machine[:])
}
