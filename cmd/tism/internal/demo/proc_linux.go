package demo

import "syscall"

// orphanSignal tells a process that its parent is dead. It is a signal of its own, since
// the PID of the parent does not tell: the kernel sends the signal when the thread ends
// that started the child, and other threads of the parent may take longer to die.
const orphanSignal = syscall.SIGUSR1

// dieWithParent makes the kernel send orphanSignal, however the parent dies.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: orphanSignal}
}
