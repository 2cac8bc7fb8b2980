#!/usr/bin/env bash
# What the crate costs beside C, in turn in one run: for each call the lowest and the median of the
# rounds' figures over COUNT turns (default 5), in ns. Needs cargo and cc.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$out/target}
cc -std=c11 -O2 -Icsrc -o "$out/c" benches/topics.c csrc/tism.c -pthread
cargo build --quiet --offline --release --bench topics
rust=$(ls -t "$CARGO_TARGET_DIR"/release/deps/topics-* | grep -v '\.d$' | head -n 1)
for _ in $(seq "${COUNT:-5}"); do
  "$out/c" && "$rust"
done >"$out/all"
printf '%-20s %10s %10s %10s %10s %8s\n' '' 'C lowest' median 'Rust lowest' median ratio
sort -k2 "$out/all" | awk '{ lang = $1; low = $(NF - 1); median = $NF; $1 = $NF = $(NF - 1) = ""; gsub(/^ +| +$/, ""); name = $0
    if (!(name in seen)) { seen[name]; order[++n] = name }
    k = lang name; if (!(k in lowest) || low < lowest[k]) lowest[k] = low; medians[k, ++count[k]] = median }
  function middle(k,   i, j, t) {
    for (i = 1; i <= count[k]; i++) for (j = i + 1; j <= count[k]; j++) if (medians[k, j] + 0 < medians[k, i] + 0) { t = medians[k, i]; medians[k, i] = medians[k, j]; medians[k, j] = t }
    return medians[k, int((count[k] + 1) / 2)] }
  END { for (i = 1; i <= n; i++) { name = order[i]; c = "c" name; r = "rust" name
    printf "%-20s %10.1f %10.1f %10.1f %10.1f %8.2f\n", name, lowest[c], middle(c), lowest[r], middle(r), lowest[r] / lowest[c] } }'
