#!/usr/bin/env bash
# Runs the Go benchmarks and the C programs they are compared with, turn by turn in one run, so
# that a noisy machine is noisy for both. COUNT rounds (default 6); prints the median of each and
# the spread (lowest and highest), in ns. Needs Go, gcc and make.
set -eu
cd "$(dirname "$0")/../.."
count=${COUNT:-6}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
CGO_ENABLED=0 go test -c -o "$out/shm" ./shm
CGO_ENABLED=0 go test -c -o "$out/futex" ./futex
make -s -C docs/bench/c
for _ in $(seq "$count"); do
  (cd shm && "$out/shm" -test.run '^$' -test.bench . -test.benchtime 200ms) >>"$out/all" || exit 1
  (cd futex && "$out/futex" -test.run '^$' -test.bench . -test.benchtime 200ms) >>"$out/all" || exit 1
  docs/bench/c/compare -ms 200 >>"$out/all" || exit 1
done
grep -m1 '^cpu:' "$out/all" || true
echo "$(nproc) CPUs, $(uname -sr), $(go env GOVERSION), $(gcc --version | head -n 1), $count rounds"
awk '/^Benchmark/ { name = $1; sub(/-[0-9]+$/, "", name)
    for (i = 3; i < NF; i += 2) if ($(i+1) == "ns/op" || $(i+1) == "lowest-ns/op" || $(i+1) == "p50-ns/op" || $(i+1) == "publish-ns/op") print name, $(i+1), $i }' "$out/all" |
  sort -k1,1 -k2,2 -k3,3g |
  awk 'function flush() { if (n) printf "%-46s %12.4g %12.4g %12.4g  %s\n", name, v[int((n + 1) / 2)], v[1], v[n], unit }
    BEGIN { printf "%-46s %12s %12s %12s\n", "benchmark", "median", "lowest", "highest" }
    { if ($1 != name || $2 != unit) { flush(); n = 0; name = $1; unit = $2 } v[++n] = $3 }
    END { flush() }'
