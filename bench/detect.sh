#!/usr/bin/env bash
# How soon is the death of a line known: to the agent that probes it, and to people at the centre?
#
#   bench/detect.sh                       # about 10 minutes; writes target/bench/detect.json
#   ROUNDS=5 PEER_ROUNDS=1 bench/detect.sh   # a quick look
#
# A real controller and a real agent in two network namespaces. They speak to each other by one pair of virtual interfaces;
# two more are the lines that are watched, of the classes uplink (a round trip of 20 ms) and link (100 ms, both only where the
# kernel has netem; else next to nothing, and up to two round trips are to be added to what is measured). A line is cut by a rule of the kernel's filter at the far end: every interface stays up, packets only vanish. Each line is cut and
# mended ROUNDS times, at moments that know nothing of the probes. The moment of a cut is read before the rule is made, so that
# no time flatters us. That the agent knows is told by its own stamp; that the centre shows it, by the arrival of the event
# at a client that follows /api/v1/events. All clocks are one clock.
#
# The peer is dpinger with what pfSense gives it (a probe each 500 ms, lost after 2 s, 60 s looked at, alarm above 20 %
# loss looked for each second), on the same line in the same namespace. Debian has no package of it: it is taken from PATH or
# $DPINGER, and where it is not there, the table repeats what was measured with it once, and says so.

source "$(dirname "$0")/lib.bash"

rounds=${ROUNDS:-40}
peer_rounds=${PEER_ROUNDS:-3}
bin=${WASL_BIN:-$root/target/release}
dpinger=${DPINGER:-$(command -v dpinger || true)}
# The time from a black hole to the alarm, measured with dpinger 3.5 and the same settings.
readonly STATED=15.0

[[ -x $bin/wasl && -x $bin/wasl-agent ]] || die "no $bin/wasl and $bin/wasl-agent; build them first"
need nft tc python3
inside_own_network "$@"

netem=true
# line NAME NETWORK DELAY_MS: a line from the agent's machine, slow by so much each way.
line() {
    local name=$1 network=$2 delay=$3
    ip link add name "far-$name" type veth peer name "wan-$name" netns "$peer"
    ip address add "$network.1/24" dev "far-$name"
    ip link set "far-$name" up
    nsenter -t "$peer" -n -- ip address add "$network.2/24" dev "wan-$name"
    nsenter -t "$peer" -n -- ip link set "wan-$name" up
    if tc qdisc add dev "far-$name" root netem delay "${delay}ms" 2>/dev/null; then
        nsenter -t "$peer" -n -- tc qdisc add dev "wan-$name" root netem delay "${delay}ms"
    else
        netem=false
    fi
    nft add chain inet lines "$name"
    nft add rule inet lines arriving iifname "far-$name" jump "$name"
}

nft add table inet lines
nft 'add chain inet lines arriving { type filter hook input priority 0; policy accept; }'
line uplink 198.18.1 10
line link 198.18.2 50
if [[ $netem == false ]]; then say "detect: this kernel has no netem; the lines are as short as they are"; fi
nsenter -t "$peer" -n -- ip link set lo up

mkdir "$work/config"
cat >"$work/config/wasl.yaml" <<'YAML'
institution: { id: bench, name: { en: Bench, ar: قياس }, timezone: UTC }
sites:
  hub: { name: { en: Hub, ar: مركز } }
  branch: { name: { en: Branch, ar: فرع } }
agents:
  gw: { site: branch, role: gateway }
links:
  uplink: { between: [hub, branch], class: uplink, probes: [{ from: gw, to: 198.18.1.1, via: wan-uplink }] }
  link: { between: [hub, branch], class: link, probes: [{ from: gw, to: 198.18.2.1, via: wan-link }] }
YAML
serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:8080 --agents "$SELF:8443"
until_true 30 "the controller" test -s "$work/controller/addresses.json"
"$bin/wasl" token create --state "$work/controller" --site branch --role gateway --name gw >"$work/token"
nsenter -t "$peer" -n -- "$bin/wasl-agent" join --controller "$SELF:8443" --token "$work/token" --state "$work/agent" >/dev/null
begin "$work/agent.log" nsenter -t "$peer" -n -- "$bin/wasl-agent" run --state "$work/agent"

: >"$work/alarms"
if [[ $dpinger && $peer_rounds -gt 0 ]]; then
    printf '#!/bin/sh\necho "$(date +%%s.%%N) $2" >>%s/alarms\n' "$work" >"$work/alarm"
    chmod +x "$work/alarm"
    peer_command="dpinger -f -r 0 -s 500 -l 2000 -t 60000 -A 1000 -D 500 -L 20 -C ALARM 198.18.1.1"
    begin "$work/dpinger.log" nsenter -t "$peer" -n -- "$dpinger" -f -r 0 -s 500 -l 2000 -t 60000 -A 1000 -D 500 \
        -L 20 -C "$work/alarm" 198.18.1.1
else
    say "detect: no dpinger; what was measured with it once is repeated"
    peer_rounds=0 peer_command=
fi

python3 "$root/bench/detect.py" http://127.0.0.1:8080 "$rounds" "$peer_rounds" "$work/alarms" >"$work/samples.tsv" ||
    die "the measurement failed"

# of LINE WHAT: n, p50, p99 and most of its samples, in seconds.
of() { awk -F'\t' -v l="$1" -v w="$2" '$1 == l && $2 == w { print $3 }' "$work/samples.tsv" | quantiles 1; }
rows=() entries=()
# judge TEXT LINE WHAT GOAL
judge() {
    local n p50 p99 most met
    IFS=$'\t' read -r n p50 p99 most < <(of "$2" "$3")
    [[ $n == "$rounds" ]] || die "$2, $3: $n of $rounds were measured"
    met=$(within "$p99" "$4")
    rows+=("$(printf '%-36s %4s %9s %9s %9s   at most %s s  %s' "$1" "$n" "$p50" "$p99" "$most" "$4" \
        "$([[ $met == true ]] && echo met || echo 'NOT MET')")")
    entries+=("$(printf '    { "line": "%s", "what": "%s", "n": %s, "p50": %s, "p99": %s, "max": %s, "goal": %s, "met": %s }' \
        "$2" "$3" "$n" "$p50" "$p99" "$most" "$4" "$met")")
}
judge "uplink, cut until the agent knows" uplink known 0.6
judge "uplink, cut until the centre shows" uplink shown 3
judge "uplink, mended until shown" uplink back 3
judge "link, cut until the agent knows" link known 1.5
judge "link, cut until the centre shows" link shown 3
judge "link, mended until shown" link back 3
false_alarms=$(awk -F'\t' '$2 == "false" { n += $3 } END { print n + 0 }' "$work/samples.tsv")
how=measured
IFS=$'\t' read -r peer_n theirs _ their_most < <(of uplink alarm)
IFS=$'\t' read -r _ their_clear _ _ < <(of uplink clear)
if ((peer_n == 0)); then how=stated theirs=$STATED; fi
IFS=$'\t' read -r _ ours _ _ < <(of uplink shown)

cat >"$results/detect.json" <<JSON
{
  "name": "detect",
  "what": "from the silent death of an uplink until it is shown, median; lower is better",
  "ours": $ours,
  "peer": $theirs,
  "ratio": $(ratio "$ours" "$theirs"),
  "unit": "s",
  "measured": [
$(IFS=$'\n'; sed '$!s/$/,/' <<<"${entries[*]}")
  ],
  "false_alarms": $false_alarms,
  "netem": $netem,
  "dpinger": { "how": "$how", "n": $peer_n, "alarm_p50": $theirs, "alarm_max": $their_most, "clear_p50": $their_clear },
  "commands": $(strings "ROUNDS=$rounds PEER_ROUNDS=$peer_rounds bench/detect.sh" "${peer_command:-dpinger was not run}"),
  "versions": $(strings "wasl $(revision)" "built $(built "$bin/wasl-agent")"),
  "machine": $(machine),
  "at": "$(date -u +%FT%TZ)"
}
JSON
printf '%-36s %4s %9s %9s %9s   %s\n' "seconds" n p50 p99 most goal
printf '%s\n' "${rows[@]}"
printf '%-36s %4s %9s %9s %9s   none\n' "called down while whole" - - - "$false_alarms"
printf '%-36s %4s %9s %9s %9s   (%s)\n' "dpinger as pfSense has it, alarm" "$peer_n" "$theirs" - "$their_most" "$how"
if ((peer_n)); then printf '%-36s %4s %9s\n' "dpinger, mended until cleared" "$peer_n" "$their_clear"; fi
say "detect: written to $results/detect.json"
