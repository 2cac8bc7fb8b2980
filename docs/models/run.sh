#!/bin/bash
# Explores the models in this directory exhaustively with SPIN.
#
#     run.sh [quick|full]
#
# quick (the default, for CI) takes a few minutes and less than 4 GB; full takes
# under an hour and less than 8 GB. Both run every mutation, each of which must be
# caught. Exit status: 0 as expected, 1 something was not, 2 usage, 3 no spin or gcc.
set -eu
LC_ALL=C
export LC_ALL

mode=${1:-quick}
case $mode in
quick) memory=3800 ;;
full) memory=8000 ;;
*) echo "usage: $0 [quick|full]" >&2; exit 2 ;;
esac
for tool in spin gcc; do
	command -v "$tool" >/dev/null || { echo "$0: needs $tool (apt-get install spin gcc)" >&2; exit 3; }
done

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
passed=0 failed=0

# search MODEL LEVEL BOUNDS DEFINES...: explores, leaves what pan says in out.
# LEVEL is gcc's: compiling is most of the time of a mutation.
search() {
	model=$1 level=$2 bounds=$3
	shift 3
	rm -f pan* ./*.trail
	# No partial-order reduction: it saves little here, and "unless" makes one think.
	spin -a "$@" "$here/$model.pml" >out 2>&1 &&
		gcc "$level" -w -DSAFETY -DNOREDUCE -DCOLLAPSE -DMEMLIM=$memory -o pan pan.c >out 2>&1 &&
		./pan $bounds >out 2>&1 || true
	states=$(awk '/states, stored/ {print $1; exit}' out)
	depth=$(awk '/depth reached/ {sub(/.*depth reached /, ""); sub(/,.*/, ""); print; exit}' out)
	found=$(sed -n 's/^pan:1: \(assertion violated\|invalid end state\).*/\1/p' out | head -n 1)
	# Only a search that went to the end counts.
	complete=no
	if grep -q 'errors: 0$' out && grep -q '^pan: elapsed time' out &&
		! grep -Eiq 'search depth too small|reached -DMEMLIM|out of memory|not completed|truncated|interrupted' out; then
		complete=yes
	fi
}

report() { # RESULT NAME
	printf '%-62s %10s states  depth %7s %4d s  %s\n' "$2" "${states:--}" "${depth:--}" $((SECONDS - began)) "$1"
	if [ "$1" = FAILED ]; then
		failed=$((failed + 1))
		tail -n 15 out | sed 's/^/    /'
	else
		passed=$((passed + 1))
	fi
}

# ok MODEL DEFINES...: nothing is wrong.
ok() {
	began=$SECONDS name="$*"
	model=$1
	shift
	search "$model" -O2 "-m2000000 -w24" "$@"
	if [ $complete = yes ]; then report ok "$name"; else report FAILED "$name"; fi
}

# caught MODEL MUTATION DEFINES...: something is wrong, and is found.
caught() {
	began=$SECONDS name="$1 MUT_$2 ${*:3}"
	model=$1 mutation=$2
	shift 2
	grep -q "MUT_$mutation\b" "$here/$model.pml" || { echo "no mutation $mutation in $model" >out; report FAILED "$name"; return; }
	search "$model" -O0 "-m500000 -w20" "-DMUT_$mutation" "$@"
	if [ -n "$found" ]; then report "caught: $found" "$name"; else report FAILED "$name"; fi
}

full() { if [ $mode = full ]; then ok "$@"; fi; }

# The lock of one buffer.
ok   lock
ok   lock -DABORT
ok   lock -DKILL=1
ok   lock -DONE_READER -DKILL=0 -DRESTART -DABORT
full lock -DKILL=1 -DRESTART
full lock -DKILL=1 -DABORT
caught lock ENTER_ON_WRITING -DONE_READER
caught lock LOAD_W_BEFORE_HELD -DONE_READER
caught lock NO_WAKE_ON_RUNLOCK -DONE_READER
caught lock NO_WAKE_ON_UNLOCK -DONE_READER
caught lock UNLOCK_SCANS_FIRST -DONE_READER
caught lock NO_WAKE_WHEN_WAIT -DONE_READER
caught lock IGNORE_GRANTED -DONE_READER
caught lock PHASE_ADVANCES_ON_ABORT -DONE_READER -DABORT
caught lock NO_WAKE_ON_ABORT -DONE_READER -DABORT
caught lock NO_WAKE_ON_GIVE_UP -DONE_READER
caught lock NO_ALIVE_CHECK_AFTER_HELD -DONE_READER -DKILL=1 -DRESTART
caught lock NO_ALIVE_CHECK_AFTER_WRITING -DONE_READER -DKILL=1 -DRESTART
caught lock NO_HELD_WHEN_ORPHANED -DONE_READER -DKILL=1 -DRESTART
caught lock NO_WAKE_WHEN_WAIT_AGAIN -DONE_READER -DKILL=1 -DRESTART
caught lock REAP_WITHOUT_BYTE -DONE_READER -DKILL=1 -DRESTART
caught lock NO_REAP -DONE_READER -DKILL=1 -DRESTART
caught lock SUCCESSOR_LEAVES_CLOSED -DONE_READER -DKILL=1 -DRESTART
caught lock SUCCESSOR_IGNORES_WRITING -DONE_READER -DKILL=1 -DRESTART -DABORT

# Attach, pin, release, reap.
ok   slots
ok   slots -DBUFFERS=3 -DNESTED
ok   slots -DDEADLINE
ok   slots -DONE_CONSUMER -DKILL=0 -DRESTART
full slots -DONE_CONSUMER -DKILL=0 -DRESTART -DDEADLINE -DNESTED -DBUFFERS=3
full slots -DKILL=1 -DRESTART
caught slots NO_WANT
caught slots FREED_AFTER_SCAN
caught slots NO_RING_ON_RELEASE
caught slots HI_BY_STORE
caught slots HI_AFTER_USE
caught slots NO_LATEST_AFTER_PIN
caught slots ATTACH_WITHOUT_BYTE
caught slots ATTACH_DOES_NOT_CLEAR -DONE_CONSUMER -DKILL=1
caught slots REAP_WITHOUT_BYTE -DONE_CONSUMER -DKILL=1
caught slots NO_REAP -DONE_CONSUMER -DKILL=1

# The name and the publisher's role.
ok   roles -DNO_CONSUMER -DONE_TYPE
ok   roles -DNO_REMOVER
ok   roles -DNO_CONSUMER -DNO_REMOVER -DKILL
ok   roles -DNO_CONSUMER -DNO_REMOVER -DRM
full roles -DONE_TYPE
full roles -DNO_CONSUMER
full roles -DNO_CONSUMER -DKILL -DONE_TYPE
full roles -DNO_REMOVER -DKILL
full roles -DNO_CONSUMER -DRM -DONE_TYPE
caught roles NO_NAME_BYTE -DNO_CONSUMER
caught roles NO_STAT_IN_UNLINK -DNO_CONSUMER
caught roles NO_STAT_RECHECK -DNO_CONSUMER -DNO_REMOVER -DRM
caught roles NO_RETIRED_BEFORE_UNLINK -DNO_CONSUMER
caught roles RETIRED_NOT_ABSENT -DNO_CONSUMER -DNO_REMOVER
caught roles LINK_REPLACES -DNO_CONSUMER -DNO_REMOVER
caught roles OPEN_IGNORES_RETIRED -DNO_REMOVER
caught roles WATCH_AFTER_LOOK -DNO_REMOVER
caught roles NO_TOUCH -DNO_REMOVER
caught roles NO_SIGNED -DNO_CONSUMER -DNO_REMOVER -DONE_TYPE
caught roles SIGNED_FIRST -DNO_CONSUMER -DNO_REMOVER -DONE_TYPE

# The newest value in several buffers.
ok   buffers
ok   buffers -DBUFFERS=3 -DPUBS=3 -DKEEP -DOPS0=1 -DOPS1=1
ok   buffers -DDEADLINE -DOPS0=1 -DOPS1=1
ok   buffers -DKILL -DOPS0=1 -DOPS1=1
full buffers -DKILL -DSUCCESSOR -DPUBS=1 -DOPS0=1 -DOPS1=1
full buffers -DKILL -DDEADLINE -DOPS0=1 -DOPS1=1
full buffers -DBUFFERS=3 -DKILL -DOPS0=1 -DOPS1=1
full buffers -DBUFFERS=3
full buffers -DKILL -DOPS0=2 -DOPS1=1
caught buffers SCAN_SKIPS_A_SLOT
caught buffers PICK_NEWEST
caught buffers NO_ODD
caught buffers NO_WANT
caught buffers DOORBELL_AFTER_SCAN
caught buffers NO_RING_ON_RELEASE
caught buffers ACCEPT_ANY_EVEN
caught buffers NO_LATEST_AFTER_PIN
caught buffers NO_LATEST_AFTER_BIT
caught buffers SLEEP_ON_PINS -DBUFFERS=3 -DPUBS=3 -DKEEP -DOPS0=1 -DOPS1=1
caught buffers REAP_WITHOUT_BYTE -DKILL -DOPS0=1 -DOPS1=1

# The doorbell: wait, close, retire, takeover.
ok   wait
ok   wait -DSUCCESSOR
ok   wait -DPUBS=1 -DRETIRE
full wait -DRETIRE
ok   wait -DWAITERS=1 -DPUBS=1 -DRETIRE -DSUCCESSOR -DKILL
ok   wait -DWAITERS=0 -DPUBS=1 -DANY
full wait -DWAITERS=0 -DPUBS=1 -DANY -DKILL
full wait -DWAITERS=1 -DPUBS=1 -DANY
full wait -DPUBS=1 -DSUCCESSOR -DKILL
full wait -DPUBS=1 -DRETIRE -DKILL
caught wait NO_WAKE
caught wait NO_BIT
caught wait RING_BEFORE_LATEST
caught wait RING_BEFORE_CLOSED
caught wait CLOSE_SAME_NUMBER
caught wait NO_LATEST_AFTER_BIT
caught wait NO_STATE_AFTER_BIT
caught wait NO_RETIRED_AFTER_BIT -DRETIRE
caught wait RETIRE_SAME_NUMBER -DRETIRE
caught wait RETIRE_NO_WAKE -DRETIRE
caught wait ANY_NO_RECHECK -DWAITERS=0 -DPUBS=1 -DANY

echo "$passed passed, $failed failed"
[ $failed = 0 ]
