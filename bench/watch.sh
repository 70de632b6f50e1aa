#!/usr/bin/env bash
# What does watching cost, how soon is a dead link called down, and how often a living one?
#
#   bench/watch.sh            # some minutes; writes target/bench/watch.json
#   DAYS=1 bench/watch.sh     # a quick look
#
# All of it is simulated: no packet is sent and no clock is waited for, so the delays are those of the decisions
# alone. There is no peer here: gateways' monitors are measured against real cuts elsewhere.

source "$(dirname "$0")/lib.bash"

need cargo awk
bench=$root/target/release/examples/watch_bench
(cd "$root" && cargo build --release --quiet --locked -p wasl-probe --example watch_bench)
mkdir -p "$results"

say "bench: watch, cost"
cost=$("$bench" cost)
say "bench: watch, alarms"
alarms=$("$bench" alarms)
watched=$(awk -F'[:}]' '{ print $3 }' <<<"$cost")
{
    printf '{\n  "name": "watch",\n  "what": "processor time for one probe with a detector, simulation included; lower is better",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "ns",\n' "$watched"
    printf '  "commands": %s,\n' "$(strings "DAYS=${DAYS:-10} bench/watch.sh")"
    printf '  "versions": %s,\n  "machine": %s,\n  "at": "%s",\n' \
        "$(strings "wasl-probe (checkout $(revision), built $(built "$bench"))")" "$(machine)" "$(date -u +%FT%TZ)"
    printf '  "cost": %s,\n  "alarms": %s\n}\n' "$cost" "$alarms"
} >"$results/watch.json"
say "bench: written to $results/watch.json"
