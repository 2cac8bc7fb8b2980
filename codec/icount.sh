#!/bin/bash
# Counts instructions per round trip (BenchmarkRoundTrip) on arm64 and armv7 under
# qemu-user, where time means nothing. It needs gcc, and an emulator with plugins (Debian:
# qemu-user, not qemu-user-static; or QEMU_ARM64 and QEMU_ARM). Usage: codec/icount.sh [regexp]
#
# Runs of different length are subtracted from each other, so that only what is in the
# loop counts.
set -euo pipefail
cd "$(dirname "$0")"
ways=${1:-'(64B|1KiB|64KiB)/(tuple|map)/(marshal|topic|topic-1buffer|slice-and-copy|struct)$'}
tmp=$(mktemp -d)
trap 'rm -r "$tmp"' EXIT

# A plugin that counts, by the parts of qemu-plugin.h that have stayed the same.
gcc -shared -fPIC -O2 -x c -o "$tmp/count.so" - <<'C'
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>

struct qemu_plugin_tb;
typedef uint64_t id_t_;
void qemu_plugin_register_vcpu_tb_trans_cb(id_t_, void (*)(id_t_, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_atexit_cb(id_t_, void (*)(id_t_, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
int qemu_plugin_version = 1;

static _Atomic uint64_t count;
static void executed(unsigned cpu, void *n) { count += (uintptr_t)n; }
static void translated(id_t_ id, struct qemu_plugin_tb *tb) {
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, (void *)qemu_plugin_tb_n_insns(tb));
}
static void end(id_t_ id, void *unused) { fprintf(stderr, "counted %" PRIu64 "\n", count); }
int qemu_plugin_install(id_t_ id, const void *info, int argc, char **argv) {
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, end, NULL);
	return 0;
}
C

# instructions EMULATOR BINARY NAME TIMES
instructions() {
	GOMAXPROCS=1 GOGC=off "$1" -plugin "$tmp/count.so" "$2" -test.run='^$' \
		-test.bench="^BenchmarkRoundTrip\$/^${3//\//\$/^}\$" -test.benchtime="$4x" 2>&1 | awk '/^counted/ { print $2 }'
}

for target in arm64:"${QEMU_ARM64:-qemu-aarch64}" arm:"${QEMU_ARM:-qemu-arm}"; do
	arch=${target%%:*} qemu=${target#*:}
	command -v "$qemu" >/dev/null || { echo "$arch: no $qemu"; continue; }
	CGO_ENABLED=0 GOARCH=$arch GOARM=7 go test -c -o "$tmp/$arch" .
	for name in $("$qemu" "$tmp/$arch" -test.run='^$' -test.bench="BenchmarkRoundTrip/$ways" -test.benchtime=1x |
		awk '/^BenchmarkRoundTrip/ { sub("BenchmarkRoundTrip/", ""); sub("-[0-9]+$", "", $1); print $1 }'); do
		n=100000
		case $name in 1KiB*) n=10000 ;; 64KiB*) n=300 ;; esac
		few=$(instructions "$qemu" "$tmp/$arch" "$name" "$n")
		many=$(instructions "$qemu" "$tmp/$arch" "$name" $((3 * n)))
		printf '%-6s %-28s %9d instructions\n' "$arch" "$name" $(((many - few) / (2 * n)))
	done
done
