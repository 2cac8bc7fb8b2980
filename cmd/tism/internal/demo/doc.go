// Package demo is what "tism demo" does: a few processes that live on topics, one of
// which is killed and comes back.
//
//	Demo      the parent: starts the others, kills one, cleans up, says what was seen
//	board     samples the machine's sensors        publishes RUN-board
//	estimator filters them             RUN-board → publishes RUN-estimate
//	monitor   shows both, and checks them        → publishes RUN-report
//
// RUN is the name of this run. Each process is this program again, with the command
// [PartCommand]. They talk to each other through topics alone, but for the estimator,
// which the parent tells to stop in the middle of a write (see [Part.estimator]).
package demo
