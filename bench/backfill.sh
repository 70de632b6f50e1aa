#!/usr/bin/env bash
# A large gateway was cut off for a day. How long does it take over a thin line until the centre has all of it, and
# how late is what it sees meanwhile?
#
#   bench/backfill.sh                      # 24 h over 10 Mbit/s; writes target/bench/backfill.json
#   HOURS=2 RATE=2 bench/backfill.sh       # a quick look
#
# A simulated gateway with 500 targets (a window each 10 s) and 2000 interfaces (each 30 s) stands in a network
# namespace of its own, behind a token bucket filter in both directions, with its day of batches waiting. The
# build must be there: cargo build --release -p wasl.

source "$(dirname "$0")/lib.bash"

hours=${HOURS:-24} rate=${RATE:-10}
targets=${TARGETS:-500} interfaces=${INTERFACES:-2000}
live=${LIVE:-120}               # how long it goes on after the line is back
bin=${WASL_BIN:-$root/target/release}
readonly GOAL_SECONDS=60 GOAL_LATE=2000 GOAL_BYTES=2

[[ -x $bin/wasl ]] || die "no $bin/wasl; build it first"
inside_own_network "$@"
need tc
# Two frames of burst at least; queues as long as a line of that rate has them.
shaped=(root tbf rate "${rate}mbit" burst 16kb latency 50ms)
tc qdisc add dev wan0 "${shaped[@]}" 2>/dev/null || skip "this kernel has no token bucket filter"
nsenter -t "$peer" -n -- tc qdisc add dev peer0 "${shaped[@]}"

shape=(--kind gateway --agents 1 --targets "$targets" --interfaces "$interfaces" --sites one)
"$bin/wasl" simulate "${shape[@]}" --write-config "$work/config"
serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:8080 --agents "$SELF:8443"
controller=$begun
meter_of=$(meter "$controller")
until_true 20 "the controller" test -s "$work/controller/addresses.json"

bridge 8080

ready_or_gone() { grep -q 'they begin' "$work/simulate.log" || [[ ! -e /proc/$simulation ]]; }
say "bench: making the batches of $hours hours"
nsenter -t "$peer" -n -- "$bin/wasl" simulate "${shape[@]}" --backfill "${hours}h" --for "${live}s" --drain 30m \
    --state "$work/controller" --report "$work/report.jsonl" --json >"$work/summary.json" 2>"$work/simulate.log" </dev/null &
simulation=$!
started+=("$simulation")
until_true 1800 "the batches" ready_or_gone
grep -q 'they begin' "$work/simulate.log" || die "the simulation has ended: $(cat "$work/simulate.log")"
waiting=$(sed -n 's/.*wasl: \([0-9]*\) batches wait, \([0-9]*\) bytes.*/\2/p' "$work/simulate.log")
cpu_before=$(processor_time "$controller" "$meter_of")
sent_before=$(ip -s -j link show wan0 | sed -n 's/.*"rx":{"bytes":\([0-9]*\).*/\1/p')
wait "$simulation" || die "the accounts do not agree: $(cat "$work/summary.json")"
sent_after=$(ip -s -j link show wan0 | sed -n 's/.*"rx":{"bytes":\([0-9]*\).*/\1/p')
cpu=$(($(processor_time "$controller" "$meter_of") - cpu_before))

took=$(figure "$work/summary.json" backlog_delivered_in)
values=$(figure "$work/summary.json" values)
points=$(figure "$work/summary.json" history_points)
batch_bytes=$(figure "$work/summary.json" batch_bytes)
part() { awk -v of="\"$1\"" -v key="\"$2\"" 'index($0, of) { in_it = 1 } in_it && index($0, key) { gsub(/[^0-9.a-z]/, "", $2); print $2; exit }' "$work/summary.json"; }
n=$(part ack_behind_backlog_ms n) late50=$(part ack_behind_backlog_ms p50) late99=$(part ack_behind_backlog_ms p99) late=$(part ack_behind_backlog_ms max)
wire=$((sent_after - sent_before))
per_value=$(awk -v b="$wire" -v n="$values" 'BEGIN { printf "%.3f", b / n }')

printf 'backlog of %s h, %s bytes in batches, over %s Mbit/s: %s s (the line alone: %s s)\n' "$hours" "$waiting" "$rate" "$took" \
    "$(awk -v b="$waiting" -v r="$rate" 'BEGIN { printf "%.1f", b * 8 / (r * 1e6) }')"
printf 'live data meanwhile durable after p50 %s ms, p99 %s ms, at most %s ms (n = %s)\n' "$late50" "$late99" "$late" "$n"
printf 'on the wire, frames and TLS included: %s bytes for %s values (%s a value; %s history points); controller %.1f s of processor time\n' \
    "$wire" "$values" "$per_value" "$points" "$(awk -v us="$cpu" 'BEGIN { print us / 1e6 }')"
{
    printf '{\n  "name": "backfill",\n  "what": "seconds until a day of a large gateway is delivered over a thin line; lower is better",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "s",\n  "n": %s,\n  "p50": %s,\n  "p99": %s,\n' "$took" "$n" "$late50" "$late99"
    printf '  "goals": { "seconds": %s, "late_ms": %s, "bytes_per_value": %s },\n' "$GOAL_SECONDS" "$GOAL_LATE" "$GOAL_BYTES"
    printf '  "met": { "seconds": %s, "late": %s, "bytes": %s },\n' "$(within "$took" "$GOAL_SECONDS")" "$(within "$late" "$GOAL_LATE")" "$(within "$per_value" "$GOAL_BYTES")"
    printf '  "late_ms": { "n": %s, "p50": %s, "p99": %s, "max": %s },\n' "$n" "$late50" "$late99" "$late"
    printf '  "hours": %s,\n  "rate_mbit": %s,\n  "values": %s,\n  "history_points": %s,\n  "batch_bytes": %s,\n  "backlog_bytes": %s,\n  "wire_bytes": %s,\n  "wire_bytes_per_value": %s,\n  "controller_cpu_us": %s,\n' \
        "$hours" "$rate" "$values" "$points" "$batch_bytes" "$waiting" "$wire" "$per_value" "$cpu"
    printf '  "commands": %s,\n' "$(strings "HOURS=$hours RATE=$rate bench/backfill.sh" "wasl simulate ${shape[*]} --backfill ${hours}h" "tc qdisc add dev wan0 ${shaped[*]}")"
    printf '  "versions": %s,\n' "$(strings "wasl: $("$bin/wasl" --version) (built $(built "$bin/wasl"), checkout $(revision))")"
    printf '  "machine": %s,\n  "at": "%s"\n}\n' "$(machine)" "$(date -u +%FT%TZ)"
} >"$results/backfill.json"
say "bench: written to $results/backfill.json"
