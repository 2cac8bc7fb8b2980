// Package checks has the tests: everything that tism promises and that depends on the machine. One file
// per subject; each test says what it checks in its About line, and docs/HWTEST.md what to do when it
// fails.
package checks
