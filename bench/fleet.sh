#!/usr/bin/env bash
# What do thousands of agents cost the controller? Processor time, memory, and how long an agent waits until
# its batch is durable, with a whole fleet of lab PCs in session on one machine.
#
#   bench/fleet.sh                            # 5000 agents, 180 s; writes target/bench/fleet.json
#   AGENTS=500 SECONDS_=60 bench/fleet.sh     # a quick look
#
# The agents are those of `wasl simulate`: real to the controller (a certificate, a handshake, a session and a
# long-lived stream each), and they run on this machine too, so the two share its processors. The build must be
# there: cargo build --release -p wasl.

source "$(dirname "$0")/lib.bash"

agents=${AGENTS:-5000}
heartbeat=${HEARTBEAT:-10}
lasting=${SECONDS_:-180}        # how long is measured
warm_up=${WARM_UP:-30}          # not measured: handshakes, first judgements
readonly SAMPLE=5
readonly GOAL_CPU=50 GOAL_RSS=400000 GOAL_ACK=1000
bin=${WASL_BIN:-$root/target/release}

[[ -x $bin/wasl ]] || die "no $bin/wasl; build it first"
inside_own_network "$@"
# Both raise their own limit up to the hard one; the controller keeps some for others than agents.
files=$((agents + 8000))
if (($(ulimit -Hn) < files)); then ulimit -n "$files" || die "the limit on open files must be at least $files"; fi

sites=$(seq -f 'branch-%02g' -s, 20)
common=(--agents "$agents" --heartbeat "${heartbeat}s" --sites "$sites")
"$bin/wasl" simulate "${common[@]}" --write-config "$work/config"
serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:0 --agents 127.0.0.1:0
controller=$begun
controller_meter=$(meter "$controller")
until_true 20 "the controller" test -s "$work/controller/addresses.json"

from=$EPOCHREALTIME
simulate=("$bin/wasl" simulate "${common[@]}" --for "$((warm_up + lasting + 4 * SAMPLE))s" --warm-up "${warm_up}s" \
    --state "$work/controller" --report "$work/report.jsonl" --json)
"${simulate[@]}" >"$work/summary.json" 2>"$work/simulate.log" </dev/null &
simulation=$!
started+=("$simulation")
simulation_meter=$(meter "$simulation")
until_true 600 "all agents to be enrolled" grep -q 'are enrolled' "$work/simulate.log"
enrolled_in=$(since "$from")
say "bench: $agents agents enrolled in $enrolled_in s; warming up for $warm_up s, then measuring for $lasting s"
rest "$warm_up"

# A line a sample: seconds, VmRSS kB, processor time of the controller and of the simulation in us.
sample() {
    [[ -r /proc/$controller/status && -r /proc/$simulation/status ]] || die "a process has ended"
    printf '%s\t%s\t%s\t%s\n' "$(now)" "$(kilobytes "/proc/$controller/status" VmRSS)" \
        "$(processor_time "$controller" "$controller_meter")" "$(processor_time "$simulation" "$simulation_meter")" \
        >>"$work/samples.tsv"
}
begun_at=$SECONDS
for ((round = 0; round * SAMPLE <= lasting; round++)); do
    sample
    next=$((begun_at + (round + 1) * SAMPLE))
    if ((next > SECONDS)); then rest "$((next - SECONDS))"; fi
done
connected=$("$bin/wasl" agents --state "$work/controller" --json | grep -c '"connected": *true' || true)
disk=$(du -s --block-size=1 "$work/controller" | cut -f 1)
even=yes
wait "$simulation" || even=no

# spans COLUMN: percent of one core over each sample's span.
spans() {
    awk -F'\t' -v c="$1" 'NR > 1 { printf "%.3f\n", ($c - time) / 1e4 / ($1 - at) } { at = $1; time = $c }' "$work/samples.tsv"
}
# mean COLUMN: percent of one core over all.
mean() {
    awk -F'\t' -v c="$1" 'NR == 1 { at = $1; time = $c } END { printf "%.3f", ($c - time) / 1e4 / ($1 - at) }' "$work/samples.tsv"
}
cpu=$(mean 3) generator=$(mean 4)
IFS=$'\t' read -r n cpu50 cpu99 cpu_most < <(spans 3 | quantiles 1)
IFS=$'\t' read -r _ rss50 rss99 rss_most < <(quantiles 2 <"$work/samples.tsv")
ack() { awk -v key="$1" '/"ack_ms"/ { in_it = 1 } in_it && $0 ~ "\"" key "\"" { gsub(/[^0-9.]/, "", $2); print $2; exit }' "$work/summary.json"; }
ack50=$(ack p50) ack99=$(ack p99) ack_most=$(ack max) ack_n=$(ack n)

printf '%-34s %10s %10s %10s\n' '' mean/p50 p99 most
printf '%-34s %9.1f%% %9.1f%% %9.1f%%\n' "controller, of one core" "$cpu" "$cpu99" "$cpu_most"
printf '%-34s %7d kB %7d kB %7d kB\n' 'controller, resident' "$rss50" "$rss99" "$rss_most"
printf '%-34s %7.1f ms %7.1f ms %7.1f ms\n' "acknowledged after (n = $ack_n)" "$ack50" "$ack99" "$ack_most"
printf '%-34s %9.1f%%\n' 'simulation, of one core' "$generator"
printf 'connected at the end: %s of %s; accounts even: %s\n' "$connected" "$agents" "$even"

{
    printf '{\n  "name": "fleet",\n  "what": "processor time of a controller with %s agents in session; lower is better",\n' "$agents"
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "percent of one core",\n' "$cpu"
    printf '  "n": %s,\n  "p50": %s,\n  "p99": %s,\n' "$n" "$cpu50" "$cpu99"
    printf '  "goals": { "cpu_percent": %s, "rss_kb": %s, "ack_p99_ms": %s },\n' "$GOAL_CPU" "$GOAL_RSS" "$GOAL_ACK"
    printf '  "met": { "cpu": %s, "rss": %s, "ack": %s, "accounts_even": %s },\n' "$(within "$cpu" "$GOAL_CPU")" \
        "$(within "$rss99" "$GOAL_RSS")" "$(within "$ack99" "$GOAL_ACK")" "$([[ $even == yes ]] && echo true || echo false)"
    printf '  "rss_kb": { "p50": %s, "p99": %s, "max": %s },\n' "$rss50" "$rss99" "$rss_most"
    printf '  "ack_ms": { "n": %s, "p50": %s, "p99": %s, "max": %s },\n' "$ack_n" "$ack50" "$ack99" "$ack_most"
    printf '  "agents": %s,\n  "connected": %s,\n  "heartbeat_s": %s,\n  "seconds": %s,\n  "enrolled_in_s": %s,\n' \
        "$agents" "$connected" "$heartbeat" "$lasting" "$enrolled_in"
    printf '  "simulation_cpu_percent": %s,\n  "state_bytes": %s,\n' "$generator" "$disk"
    printf '  "commands": %s,\n' "$(strings "AGENTS=$agents SECONDS_=$lasting bench/fleet.sh" "wasl simulate ${common[*]}")"
    printf '  "versions": %s,\n' "$(strings "wasl: $("$bin/wasl" --version) (built $(built "$bin/wasl"), checkout $(revision))")"
    printf '  "machine": %s,\n  "at": "%s"\n}\n' "$(machine)" "$(date -u +%FT%TZ)"
} >"$results/fleet.json"
say "bench: written to $results/fleet.json"
[[ $even == yes ]] || die "the accounts do not agree: $(cat "$work/summary.json")"
