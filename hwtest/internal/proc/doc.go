// Package proc runs this program again as other processes that play roles. Parent and child talk in
// lines over the child's standard input and output. A child ends when its input does, so it never
// outlives its parent; the kernel kills it with its parent besides.
package proc

// PrefixVariable holds words to put before a child's command line, for an emulator that cannot
// execute its guest by itself (qemu-user).
const PrefixVariable = "TISM_EXEC_PREFIX"

// roleVariable names the role of a child.
const roleVariable = "TISM_HWTEST_ROLE"

// cpusVariable lists the CPUs that a child is to run on, by number with commas.
const cpusVariable = "TISM_HWTEST_CPUS"
