#!/usr/bin/env bash
# What does a large gateway's agent take? 500 targets every second and 2000 interfaces of SNMP devices every 30 s,
# kept on disk and delivered to a controller as ever.
#
#   bench/gateway.sh                # 180 s; writes target/bench/gateway.json
#   SECONDS_=60 bench/gateway.sh    # a quick look
#
# The targets and the devices (snmpd of net-snmp, 200 interfaces each) stand in a network namespace of their own,
# behind a virtual wire: what their kernel does in answer to a probe is charged to whoever sends it, the agent. Needs
# the packages snmpd and snmp. Builds must be there, as `make bench` makes them.

source "$(dirname "$0")/lib.bash"

lasting=${SECONDS_:-180}
warm_up=${WARM_UP:-70}          # two polls of every device
targets=${TARGETS:-500} devices=${DEVICES:-10}
bin=${WASL_BIN:-$root/target/release}
readonly SAMPLE=5 EACH=200 FIRST=16100 GOAL_CPU=5 GOAL_RSS=20000

[[ -x $bin/wasl && -x $bin/wasl-agent ]] || die "no $bin/wasl and $bin/wasl-agent; build them first"
export PATH=$PATH:/usr/sbin
inside_own_network "$@"
need snmpd snmpget

# --- the other side -------------------------------------------------------------------------------

there=(nsenter -t "$peer" -n --)
"${there[@]}" ip link set lo up
"${there[@]}" ip route add local 198.19.0.0/16 dev lo
for ((n = 2; n < EACH; n++)); do
    "${there[@]}" ip link add "d$n" type dummy 2>/dev/null || "${there[@]}" ip link add "d$n" type bridge
done
for ((n = 0; n < devices; n++)); do
    port=$((FIRST + n))
    mkdir "$work/snmpd-$port"
    printf 'agentaddress udp:%s:%s\nrocommunity bench %s\n' "$GATEWAY" "$port" "$SELF" >"$work/snmpd-$port.conf"
    SNMP_PERSISTENT_DIR=$work/snmpd-$port MIBS='' begin "$work/snmpd-$port.log" \
        "${there[@]}" snmpd -f -C -LE 3 -I -smux -c "$work/snmpd-$port.conf"
    until_true 20 "snmpd on port $port" snmpget -v2c -c bench -On -m '' "$GATEWAY:$port" 1.3.6.1.2.1.1.3.0
done

# --- ours -----------------------------------------------------------------------------------------

mkdir "$work/config"
{
    cat <<'YAML'
institution:
  id: bench
  name: { en: Bench, ar: قياس }
  timezone: UTC
sites:
  here: { name: { en: Here, ar: هنا } }
agents:
  gw: { site: here, role: gateway }
targets:
YAML
    for ((n = 0; n < targets; n++)); do
        printf '  t%s: { name: { en: T%s }, address: 198.19.%s.%s, from: [gw] }\n' "$n" "$n" $((n / 250 + 1)) $((n % 250 + 1))
    done
    echo 'devices:'
    for ((n = 0; n < devices; n++)); do
        printf '  sw%s: { name: { en: SW%s }, host: %s, port: %s, from: gw, every: 30s, snmp: { version: v2c, community: bench } }\n' \
            "$n" "$n" "$GATEWAY" $((FIRST + n))
    done
} >"$work/config/wasl.yaml"
serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:0 --agents 127.0.0.1:0
until_true 20 "the controller" test -s "$work/controller/addresses.json"
address=$(sed -n 's/.*"agents" *: *"\([^"]*\)".*/\1/p' "$work/controller/addresses.json")
"$bin/wasl" token create --state "$work/controller" --site here --role gateway --name gw >"$work/token"
"$bin/wasl-agent" join --controller "$address" --token "$work/token" --state "$work/agent" >/dev/null
mkdir -p -m 700 "$work/agent/secrets"
(umask 077 && echo bench >"$work/agent/secrets/bench")
begin "$work/agent.log" "$bin/wasl-agent" run --state "$work/agent"
agent=$begun
agent_meter=$(meter "$agent")

well() { "$bin/wasl" status --state "$work/controller" --json --kind "$1" | grep -c '"health": *"ok"' || true; }
is_whole() { (($(well target) == targets && $(well device) == devices)); }
until_true 120 "all targets and devices" is_whole
say "bench: all $targets targets and $devices devices are seen; warming up for $warm_up s, then measuring for $lasting s"
rest "$warm_up"

begun_at=$SECONDS
for ((round = 0; round * SAMPLE <= lasting; round++)); do
    [[ -r /proc/$agent/status ]] || die "the agent has ended"
    printf '%s\t%s\t%s\n' "$(now)" "$(kilobytes "/proc/$agent/status" VmRSS)" "$(processor_time "$agent" "$agent_meter")" \
        >>"$work/samples.tsv"
    next=$((begun_at + (round + 1) * SAMPLE))
    if ((next > SECONDS)); then rest "$((next - SECONDS))"; fi
done
is_whole || die "at the end not everything was well: $(well target) targets, $(well device) devices"
interfaces=$("$bin/wasl" status --state "$work/controller" -a --json --kind interface | grep -c '"id": *"sw' || true)

# --- figures --------------------------------------------------------------------------------------

IFS=$'\t' read -r n rss50 rss99 rss_most < <(quantiles 2 <"$work/samples.tsv")
cpu=$(awk -F'\t' 'NR == 1 { at = $1; time = $3 } END { printf "%.3f", ($3 - time) / 1e4 / ($1 - at) }' "$work/samples.tsv")
printf '%-34s %8.2f %%   (goal %s)\n' 'processor time, of one core' "$cpu" "$GOAL_CPU"
printf '%-34s %8d kB  p99 %d kB (goal %d)\n' 'resident memory' "$rss50" "$rss99" "$GOAL_RSS"
printf 'targets %s every second, devices %s with %s interfaces every 30 s\n' "$targets" "$devices" "$interfaces"
{
    printf '{\n  "name": "gateway",\n  "what": "processor time of the agent of a large gateway; lower is better",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "percent of one core",\n' "$cpu"
    printf '  "n": %s,\n  "p50": %s,\n  "p99": %s,\n' "$n" "$cpu" "$cpu"
    printf '  "goals": { "cpu_percent": %s, "rss_kb": %s },\n  "met": { "cpu": %s, "rss": %s },\n' "$GOAL_CPU" "$GOAL_RSS" \
        "$(within "$cpu" "$GOAL_CPU")" "$(within "$rss99" "$GOAL_RSS")"
    printf '  "rss_kb": { "p50": %s, "p99": %s, "max": %s },\n' "$rss50" "$rss99" "$rss_most"
    printf '  "targets": %s,\n  "devices": %s,\n  "interfaces": %s,\n  "seconds": %s,\n' "$targets" "$devices" "$interfaces" "$lasting"
    printf '  "commands": %s,\n' "$(strings "SECONDS_=$lasting bench/gateway.sh" 'wasl-agent run --state DIR')"
    printf '  "versions": %s,\n' "$(strings "wasl-agent: $("$bin/wasl-agent" --version) (built $(built "$bin/wasl-agent"), checkout $(revision))" \
        "snmpd: $(snmpd -v 2>&1 | sed -n 's/.*ersion: *//p')")"
    printf '  "machine": %s,\n  "at": "%s"\n}\n' "$(machine)" "$(date -u +%FT%TZ)"
} >"$results/gateway.json"
say "bench: written to $results/gateway.json"
