// Package boards is the table of computers that tism is built for and tested on: what
// Go and C compilers are told, which Debian architecture the board's packages have, how
// the board is recognised, and what stands in for it under QEMU.
//
// It is data and look-ups only: no system calls, no environment, the same answers on
// every machine. The cross command builds from it, package detect compares a running
// board with it, and hwtest and its QEMU runner take their matrix from it.
//
// All figures come from public documentation and from runs under QEMU. No real ARM or
// RISC-V hardware has confirmed them yet.
package boards
