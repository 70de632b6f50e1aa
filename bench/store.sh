#!/usr/bin/env bash
# What does the store take, and how fast does it answer?
#
#   bench/store.sh                        # some minutes and 3 GB; writes target/bench/store.json
#   HOURS=2 OTHERS=1000 DAYS=60 bench/store.sh   # a quick look
#
# ingest: hours of a gateway with 500 targets and 2000 interfaces, from its batches to blocks, in processor time
# of all threads. charts: a year of 56 series among the rows of OTHERS more, each as long and as old, asked as
# the pages ask. backup: a copy of that store while batches come in, and what that costs them.
# There is no peer here: the controller's ingest is measured against others elsewhere.

source "$(dirname "$0")/lib.bash"

need cargo awk
bench=$root/target/release/examples/store_bench
(cd "$root" && cargo build --release --quiet --locked -p wasl-store --example store_bench)
work=$(mktemp -d "${WASL_BENCH_TMP:-${TMPDIR:-/tmp}}/wasl-store.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$results"

for part in ingest charts backup; do
    say "bench: store, $part"
    "$bench" "$part" "$work" >"$work/$part.json" 2>"$work/$part.log" || die "store_bench $part failed"
done

# figure FILE KEY [AFTER]: the first number of that name after a text.
figure() {
    awk -v key="\"$2\":" -v after="${3:-}" '
        { text = text $0 }
        END {
            if (after != "") text = substr(text, index(text, after))
            text = substr(text, index(text, key) + length(key))
            match(text, /^[0-9.eE+-]+/)
            print substr(text, 1, RLENGTH)
        }' "$work/$1.json"
}

p50=$(figure charts p50 '"chart":"1 y"')
p99=$(figure charts p99 '"chart":"1 y"')
{
    printf '{\n  "name": "store",\n  "what": "a chart of a year, in milliseconds; lower is better; the goal is 50",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "ms",\n' "$p50"
    printf '  "n": %s,\n  "p50": %s,\n  "p99": %s,\n' "$(figure charts n '"1 y"')" "$p50" "$p99"
    printf '  "commands": %s,\n' "$(strings "HOURS=${HOURS:-4} OTHERS=${OTHERS:-10000} DAYS=${DAYS:-365} bench/store.sh")"
    printf '  "versions": %s,\n  "machine": %s,\n  "at": "%s",\n' \
        "$(strings "wasl-store (checkout $(revision), built $(built "$bench"))")" "$(machine)" "$(date -u +%FT%TZ)"
    printf '  "ingest": %s,\n  "charts": %s,\n  "backup": %s\n}\n' \
        "$(<"$work/ingest.json")" "$(<"$work/charts.json")" "$(<"$work/backup.json")"
} >"$results/store.json"
say "bench: written to $results/store.json"
