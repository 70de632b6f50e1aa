#!/usr/bin/env bash
# What does an agent cost a machine that does nothing else? Memory and processor time of wasl-agent and of the lean
# wasl-lab-agent, beside prometheus-node-exporter and zabbix-agent2, all at work at the same time on the same machine.
#
#   bench/idle.sh               # 300 s; writes target/bench/idle.json
#   SECONDS_=60 bench/idle.sh   # a quick look
#
# Each does its usual work: wasl-agent reads its host every 10 s, and a second one also measures two
# targets every second by ICMP; node_exporter is scraped every 15 s; zabbix-agent2 is asked for
# fourteen usual items every 15 s. fping, where it is installed, shows what the two targets cost
# by themselves. Builds must be there, as `make bench` makes them.

source "$(dirname "$0")/lib.bash"

lasting=${SECONDS_:-300}        # how long is measured
warm_up=${WARM_UP:-20}          # not measured: start, enrolment, first rounds
readonly SAMPLE=5               # a memory sample
readonly SCRAPE=15              # a scrape, and the span of a processor sample
bin=${WASL_BIN:-$root/target/release}
node_exporter=${NODE_EXPORTER:-prometheus-node-exporter}
zabbix=${ZABBIX_AGENT2:-zabbix_agent2}

[[ -x $bin/wasl && -x $bin/wasl-agent && -x $bin/wasl-lab-agent ]] ||
    die "no $bin/wasl, $bin/wasl-agent and $bin/wasl-lab-agent; build them first"
export PATH=$PATH:/usr/sbin
inside_own_network "$@"

names=() pids=() meters=()
watch() {
    names+=("$1")
    pids+=("$2")
    meters+=("$(meter "$2")")
}

# --- ours -----------------------------------------------------------------------------------------

mkdir "$work/config"
cat >"$work/config/wasl.yaml" <<'YAML'
institution:
  id: bench
  name: { en: Bench, ar: قياس }
  timezone: UTC
sites:
  here: { name: { en: Here, ar: هنا } }
agents:
  host-only: { site: here, role: server }
  two-targets: { site: here, role: server }
  lab-pc: { site: here, role: lab }
targets:
  gateway: { name: { en: Gateway, ar: بوابة }, address: default-gateway, from: [two-targets] }
  resolver: { name: { en: Resolver, ar: أسماء }, address: resolver, from: [two-targets] }
YAML

start_ours() {
    local agent address role program
    serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:0 --agents 127.0.0.1:0
    local controller=$begun
    until_true 20 "the controller" test -s "$work/controller/addresses.json"
    address=$(sed -n 's/.*"agents" *: *"\([^"]*\)".*/\1/p' "$work/controller/addresses.json")
    for agent in host-only two-targets lab-pc; do
        role=server program=wasl-agent
        if [[ $agent == lab-pc ]]; then role=lab program=wasl-lab-agent; fi
        # Each from a file of its own: otherwise the two would share the program's pages, and Pss flatter.
        cp "$bin/$program" "$work/$agent.bin"
        "$bin/wasl" token create --state "$work/controller" --site here --role "$role" --name "$agent" >"$work/$agent.token"
        "$work/$agent.bin" join --controller "$address" --token "$work/$agent.token" --state "$work/$agent" >/dev/null
        begin "$work/$agent.log" "$work/$agent.bin" run --state "$work/$agent"
        watch "$program ($agent)" "$begun"
    done
    watch "wasl (controller)" "$controller"
}

# The controller must have heard of all agents and of both targets, and all must be well.
ours_is_whole() {
    local kind wanted well
    for kind in agent:3 target:2 machine:3; do
        wanted=${kind#*:}
        well=$("$bin/wasl" status --state "$work/controller" --json --kind "${kind%:*}" | grep -c '"health": *"ok"')
        ((well == wanted)) || return 1
    done
}

# --- peers ----------------------------------------------------------------------------------------

start_node_exporter() {
    command -v "$node_exporter" >/dev/null || { say "bench: no node_exporter here; it is left out"; return; }
    begin "$work/node_exporter.log" "$node_exporter" --web.listen-address=127.0.0.1:9100
    watch node_exporter "$begun"
    until_true 20 node_exporter curl -sf -o /dev/null http://127.0.0.1:9100/metrics
    scrape=yes
}

start_zabbix() {
    command -v "$zabbix" >/dev/null || { say "bench: no zabbix_agent2 here; it is left out"; return; }
    cat >"$work/zabbix.conf" <<CONF
LogType=file
LogFile=$work/zabbix_agent2.log
PidFile=$work/zabbix_agent2.pid
ControlSocket=$work/zabbix_agent2.sock
Server=127.0.0.1
ListenIP=127.0.0.1
ListenPort=10050
Hostname=bench
CONF
    begin "$work/zabbix.out" "$zabbix" -f -c "$work/zabbix.conf"
    watch zabbix_agent2 "$begun"
    until_true 20 zabbix_agent2 zabbix_get agent.ping
    ask=yes
}

# What measuring the two targets costs by itself: the same packets as the second agent sends, without
# keeping or delivering anything.
start_fping() {
    command -v fping >/dev/null || { say "bench: no fping here; it is left out"; return; }
    begin "$work/fping.out" fping -l -p 1000 -Q 10 "$GATEWAY" "$RESOLVER"
    watch "fping (two targets)" "$begun"
    pings=yes
}

# What the other two read as well: processor, memory, swap, load, file systems, interfaces.
zabbix_items=(
    agent.ping system.uptime 'system.cpu.util' 'system.cpu.load[all,avg1]'
    'vm.memory.size[available]' 'vm.memory.size[total]' 'system.swap.size[,free]' 'system.swap.size[,total]'
    'vfs.fs.size[/,free]' 'vfs.fs.size[/,total]' 'vfs.fs.inode[/,pfree]'
    'net.if.in[wan0]' 'net.if.out[wan0]' 'net.if.in[wan0,errors]'
)

# zabbix_get KEY: one passive check, as a Zabbix server makes it: a connection, a header of "ZBXD", 1,
# the length in 8 bytes (little-endian), the key. Debian has no package of the tool of this name.
# In a shell of its own, because a refused connection ends the shell that tried it.
zabbix_get() (
    local key=$1 link answer
    exec {link}<>/dev/tcp/127.0.0.1/10050
    printf "ZBXD\\x01\\x$(printf '%02x' "${#key}")\\0\\0\\0\\0\\0\\0\\0%s" "$key" >&"$link"
    answer=$(tail -c +14 <&"$link" | tr -d '\0')
    exec {link}>&-
    [[ -n $answer && $answer != ZBX_* ]] || return 1
    printf '%s\n' "$answer"
)

# The peers' server: what a Prometheus and a Zabbix server would ask.
serve_peers() {
    local item due=$SECONDS
    while true; do
        if [[ $scrape ]]; then
            curl -sf -o "$work/scrape.txt" http://127.0.0.1:9100/metrics || echo node_exporter >>"$work/failures"
        fi
        if [[ $ask ]]; then
            for item in "${zabbix_items[@]}"; do
                zabbix_get "$item" >/dev/null || echo "zabbix $item" >>"$work/failures"
            done
        fi
        due=$((due + SCRAPE))
        sleep "$((due > SECONDS ? due - SECONDS : 1))"
    done
}

# --- measuring ------------------------------------------------------------------------------------

# A line a process: name, seconds, VmRSS kB, of it anonymous kB, Pss kB, threads, processor time in us, bytes to disk.
sample() {
    local at proc
    for at in "${!pids[@]}"; do
        proc=/proc/${pids[at]}
        [[ -r $proc/status ]] || die "${names[at]} has ended"
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "${names[at]}" "$(now)" \
            "$(kilobytes "$proc/status" VmRSS)" "$(kilobytes "$proc/status" RssAnon)" \
            "$(kilobytes "$proc/smaps_rollup" Pss)" "$(kilobytes "$proc/status" Threads)" \
            "$(processor_time "${pids[at]}" "${meters[at]}")" "$(kilobytes "$proc/io" write_bytes)"
    done >>"$samples"
}

# The processor time of a process in percent of one core: a line for each span of SCRAPE seconds.
processor_spans() {
    awk -F'\t' -v name="$1" -v span="$SCRAPE" '
        $1 != name { next }
        from == "" { from = $2; time = $7; next }
        $2 - from > span - 1 { printf "%.4f\n", ($7 - time) / 1e4 / ($2 - from); from = $2; time = $7 }' "$samples"
}

# of NAME FIELD: from the first sample to the last, how much the field grew in a second.
growth() {
    awk -F'\t' -v name="$1" -v field="$2" '
        $1 != name { next }
        from == "" { from = $2; first = $field }
        { to = $2; last = $field }
        END { if (to > from) printf "%.6f", (last - first) / (to - from); else print "null" }' "$samples"
}

scrape='' ask='' pings=''
samples=$work/samples.tsv
start_ours
start_node_exporter
start_zabbix
start_fping
serve_peers &
started+=("$!")
say "bench: warming up for $warm_up s, then measuring for $lasting s"
until_true 60 "the agents' first observations" ours_is_whole
rest "$warm_up"

begun_at=$SECONDS
for ((round = 0; round * SAMPLE <= lasting; round++)); do
    sample
    next=$((begun_at + (round + 1) * SAMPLE))
    if ((next > SECONDS)); then rest "$((next - SECONDS))"; fi
done
ours_is_whole || die "at the end not everything was well: $("$bin/wasl" status --state "$work/controller")"
[[ ! -e $work/failures ]] || die "questions to the peers failed: $(sort "$work/failures" | uniq -c)"
cp "$samples" "$results/idle.samples.tsv"

# --- figures --------------------------------------------------------------------------------------

declare -A rss rss99 anon pss cpu cpu50 cpu99 threads disk count spans
for name in "${names[@]}"; do
    grep -P "^\Q$name\E\t" "$samples" >"$work/of.tsv"
    IFS=$'\t' read -r n p50 p99 _ < <(quantiles 3 <"$work/of.tsv")
    count[$name]=$n rss[$name]=$p50 rss99[$name]=$p99
    IFS=$'\t' read -r _ p50 _ _ < <(quantiles 4 <"$work/of.tsv") && anon[$name]=$p50
    IFS=$'\t' read -r _ p50 _ _ < <(quantiles 5 <"$work/of.tsv") && pss[$name]=$p50
    IFS=$'\t' read -r _ _ _ most < <(quantiles 6 <"$work/of.tsv") && threads[$name]=$most
    IFS=$'\t' read -r n p50 p99 _ < <(processor_spans "$name" | quantiles 1)
    spans[$name]=$n cpu50[$name]=$p50 cpu99[$name]=$p99
    cpu[$name]=$(awk -v us="$(growth "$name" 7)" 'BEGIN { printf "%.4f", us / 1e4 }')
    disk[$name]=$(awk -v b="$(growth "$name" 8)" 'BEGIN { printf "%.0f", b }')
done

printf '%-26s %9s %9s %9s %9s %9s %9s %8s %10s\n' process 'RSS p50' 'RSS p99' 'anon' 'Pss' 'CPU mean' 'CPU p99' threads 'disk B/s'
for name in "${names[@]}"; do
    printf '%-26s %6d kB %6d kB %6d kB %6d kB %8.4f%% %8.4f%% %8d %10d\n' "$name" "${rss[$name]}" "${rss99[$name]}" \
        "${anon[$name]}" "${pss[$name]}" "${cpu[$name]}" "${cpu99[$name]}" "${threads[$name]}" "${disk[$name]}"
done

# What an exporter of the host's figures and a prober of two targets cost together.
if [[ $scrape && $pings ]]; then
    both='node_exporter + fping' one=node_exporter other='fping (two targets)'
    cpu[$both]=$(sum "${cpu[$one]}" "${cpu[$other]}")
fi

# One record a pair and measure, in the shape of the whole.
cases() {
    local ours peer first=yes
    for ours in 'wasl-agent (host-only)' 'wasl-agent (two-targets)' 'wasl-lab-agent (lab-pc)'; do
        for peer in node_exporter zabbix_agent2; do
            [[ ${rss[$peer]:-} ]] || continue
            [[ $first ]] || printf ',\n'
            first=
            printf '    { "measure": "resident memory", "unit": "kB", "ours_is": %s, "peer_is": "%s", "ours": %s, "peer": %s, "ratio": %s, "n": %s, "p50": %s, "p99": %s, "peer_p99": %s },\n' \
                "$(quoted "$ours")" "$peer" "${rss[$ours]}" "${rss[$peer]}" "$(ratio "${rss[$ours]}" "${rss[$peer]}")" \
                "${count[$ours]}" "${rss[$ours]}" "${rss99[$ours]}" "${rss99[$peer]}"
            printf '    { "measure": "proportional memory", "unit": "kB", "ours_is": %s, "peer_is": "%s", "ours": %s, "peer": %s, "ratio": %s, "n": %s },\n' \
                "$(quoted "$ours")" "$peer" "${pss[$ours]}" "${pss[$peer]}" "$(ratio "${pss[$ours]}" "${pss[$peer]}")" "${count[$ours]}"
            printf '    { "measure": "processor time", "unit": "percent of one core", "ours_is": %s, "peer_is": "%s", "ours": %s, "peer": %s, "ratio": %s, "n": %s, "p50": %s, "p99": %s, "peer_p99": %s }' \
                "$(quoted "$ours")" "$peer" "${cpu[$ours]}" "${cpu[$peer]}" "$(ratio "${cpu[$ours]}" "${cpu[$peer]}")" \
                "${spans[$ours]}" "${cpu50[$ours]}" "${cpu99[$ours]}" "${cpu99[$peer]}"
        done
    done
    if [[ ${both:-} ]]; then
        printf ',\n    { "measure": "processor time", "unit": "percent of one core", "ours_is": %s, "peer_is": "%s", "ours": %s, "peer": %s, "ratio": %s, "n": %s }' \
            "$(quoted "$ours")" "$both" "${cpu[$ours]}" "${cpu[$both]}" "$(ratio "${cpu[$ours]}" "${cpu[$both]}")" "${spans[$ours]}"
    fi
    printf '\n'
}

main='wasl-agent (host-only)'
versions=("wasl-agent: $("$bin/wasl-agent" --version) (built $(built "$bin/wasl-agent"), checkout $(revision))")
if [[ $scrape ]]; then versions+=("node_exporter: $("$node_exporter" --version 2>&1 | sed -n 's/^node_exporter, version \([^ ]*\).*/\1/p')"); fi
if [[ $ask ]]; then versions+=("zabbix_agent2: $("$zabbix" -V | sed -n '1s/.*) //p')"); fi
if [[ $pings ]]; then versions+=("fping: $(fping -v | sed -n "1s/.*ersion //p")"); fi
{
    printf '{\n  "name": "idle",\n  "what": "resident memory of an agent at rest; lower is better",\n'
    printf '  "ours": %s,\n  "peer": %s,\n  "ratio": %s,\n  "unit": "kB",\n' \
        "${rss[$main]}" "${rss[node_exporter]:-null}" "$(ratio "${rss[$main]}" "${rss[node_exporter]:-0}")"
    printf '  "n": %s,\n  "p50": %s,\n  "p99": %s,\n' "${count[$main]}" "${rss[$main]}" "${rss99[$main]}"
    printf '  "commands": %s,\n' "$(strings "SECONDS_=$lasting bench/idle.sh" 'wasl-agent run --state DIR' \
        'prometheus-node-exporter --web.listen-address=127.0.0.1:9100; curl http://127.0.0.1:9100/metrics every 15 s' \
        "zabbix_agent2 -f -c FILE; ${#zabbix_items[@]} passive checks every 15 s")"
    printf '  "versions": %s,\n  "machine": %s,\n  "at": "%s",\n  "seconds": %s,\n' \
        "$(strings "${versions[@]}")" "$(machine)" "$(date -u +%FT%TZ)" "$lasting"
    printf '  "binary_bytes": { "wasl-agent": %s, "wasl-lab-agent": %s, "wasl": %s, "node_exporter": %s, "zabbix_agent2": %s },\n' \
        "$(stat -L -c %s "$bin/wasl-agent")" "$(stat -L -c %s "$bin/wasl-lab-agent")" "$(stat -L -c %s "$bin/wasl")" \
        "$(stat -L -c %s "$(command -v "$node_exporter")" 2>/dev/null || echo null)" \
        "$(stat -L -c %s "$(command -v "$zabbix")" 2>/dev/null || echo null)"
    printf '  "scrape_bytes": %s,\n' "$(stat -c %s "$work/scrape.txt" 2>/dev/null || echo null)"
    printf '  "processes": [\n'
    separator=
    for name in "${names[@]}"; do
        printf '%s    { "process": %s, "rss_kb_p50": %s, "rss_kb_p99": %s, "anonymous_kb_p50": %s, "pss_kb_p50": %s, "cpu_percent_mean": %s, "cpu_percent_p50": %s, "cpu_percent_p99": %s, "threads_most": %s, "disk_bytes_per_second": %s, "n": %s }' \
            "$separator" "$(quoted "$name")" "${rss[$name]}" "${rss99[$name]}" "${anon[$name]}" "${pss[$name]}" \
            "${cpu[$name]}" "${cpu50[$name]}" "${cpu99[$name]}" "${threads[$name]}" "${disk[$name]}" "${count[$name]}"
        separator=$',\n'
    done
    printf '\n  ],\n  "cases": [\n'
    cases
    printf '  ]\n}\n'
} >"$results/idle.json"
say "bench: written to $results/idle.json"
