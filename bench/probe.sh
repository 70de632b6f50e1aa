#!/usr/bin/env bash
# What does a probe cost, how many can one core send, and is the measured time right? Our prober beside fping.
#
#   bench/probe.sh                # writes target/bench/probe.json
#   SECONDS_=5 ROUNDS=1 bench/probe.sh   # a quick look
#
# Both send ICMP echo requests by a raw socket and take the kernel's stamp of the arrival (SO_TIMESTAMPNS) and a clock
# reading of their own before the sending. Everything happens in a network namespace of its own. On loopback, and through
# the pair of virtual interfaces, the kernel does the answering machine's work in the sender's system call and charges it to
# the sender: in both cases, so the ratio flatters neither, but half or more of what a probe costs is the kernel's in both.
#
#  - most: 5000 targets on loopback, as fast as one core permits. Ours is asked for 250 000 probes a second and
#    leaves out those for which the time is too short; fping is given no pause at all (-i 0, -p 10) and 12 probes to
#    each target, because 65 535 in 10 s is the most that it can tell apart; and, as when the goal was set, one probe to each
#    of 20 000 (-i 0 -c 1). Processor time of the process, answered probes; the two take turns. fping's time is that of the
#    whole program, ours that after the start. Once more with a datagram socket for ours, where it needs no privilege.
#  - steady: 5000 targets on loopback at 1 s, three times; fping with a pause of 0.2 ms between two probes.
#  - times: the median round trip of one target at 20 ms, and of 5000 targets at 1 s, through a pair of virtual interfaces,
#    by turns.
#  - gateway: what an agent takes that reports 500 such targets to a controller, if the two programs are there.
#
# Needs the package fping.

source "$(dirname "$0")/lib.bash"

lasting=${SECONDS_:-10}     # how long each run of ours at full speed is measured
steady=${STEADY:-20}        # how long each of the steady ones is
rounds=${ROUNDS:-5}         # how often the two take turns
prober=${PROBE_RATE:-$root/target/release/examples/probe_rate}
bin=${WASL_BIN:-$root/target/release}
readonly TARGETS=5000 GATEWAY_TARGETS=500 ONCE=12 SINGLE_MS=20 LIST=20000

[[ -n ${PROBE_RATE:-} ]] || example probe_rate
need fping python3
inside_own_network "$@"

# entry JSON KEY: a value of a JSON document, null if it has none.
entry() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))[sys.argv[2]]; print("null" if v is None else v)' "$@"; }
# middle: the median of the numbers on standard input.
middle() { quantiles 1 | cut -f 2; }
# digits N VALUE
digits() { if [[ $2 == null ]]; then printf null; else printf "%.$1f" "$2"; fi; }

# The other machine has another 5000 addresses, from the same block for benchmarks.
ip route add 198.19.0.0/16 via "$GATEWAY"
nsenter -t "$peer" -n -- ip link set lo up
nsenter -t "$peer" -n -- ip route add local 198.19.0.0/16 dev lo
addresses() { awk -v prefix="$1" -v n="$2" 'BEGIN { for (i = 0; i < n; i++) print prefix "." int(i / 250) "." 1 + i % 250 }'; }
addresses 127.19 $TARGETS >"$work/near"
addresses 198.19 $TARGETS >"$work/far"
addresses 127.20 $LIST >"$work/list"
echo "$GATEWAY" >"$work/one"

# ours NAME LIST EVERY_MS WINDOW_MS WARM_UP SECONDS
ours() { "$prober" "${@:3}" <"$work/$2" >"$work/$1.json" || die "the prober failed"; }

# fping_run NAME OPTIONS...: its result in NAME.fping, its processor time in seconds in $spent.
TIMEFORMAT='%U %S %R'
fping_run() {
    local name=$1 user system
    shift
    # It ends with 1 if a probe was lost.
    { time fping -q "$@" >/dev/null 2>"$work/$name.fping" || (($? == 1)) || die "fping failed"; } 2>"$work/$name.time"
    read -r user system took <"$work/$name.time"
    spent=$(sum "$user" "$system")
}
# answered NAME: probes sent and answered of a run with -c
answered() { sed -n 's/.*= \([0-9]*\)\/\([0-9]*\)\/.*/\1 \2/p' "$work/$1.fping" | awk '{ s += $1; r += $2 } END { print s + 0, r + 0 }'; }
# fping_median NAME: the median of a run with -C, in microseconds
fping_median() { sed 's/.*: //' "$work/$1.fping" | tr ' ' '\n' | awk '/^[0-9]/ { print $1 * 1000 }' | middle; }

# --- most -----------------------------------------------------------------------------------------

# spent_by NAME: answered probes of fping's last run a second of its processor time, one line more in NAME
spent_by() {
    read -r _ received < <(answered most)
    awk -v n="$received" -v s="$spent" 'BEGIN { printf "%.1f\n", n / s }' >>"$work/$1"
}
permit_datagrams() { sysctl -qw net.ipv4.ping_group_range="$1"; }

: >"$work/most-ours" >"$work/most-datagram" >"$work/most-fping" >"$work/most-recipe"
lost=0 most_second=0
for ((round = 0; round < rounds; round++)); do
    ours most near 20 1000 3 "$lasting"
    entry "$work/most.json" answered_per_cpu_second >>"$work/most-ours"
    lost=$((lost + $(entry "$work/most.json" lost)))
    second=$(entry "$work/most.json" answered_per_second)
    most_second=$(awk -v a="$most_second" -v b="$second" 'BEGIN { print (a > b ? a : b) }')
    for ((again = 0; again < 3; again++)); do
        fping_run most -i 0 -p 10 -c $ONCE -t 500 -r 0 -f "$work/near"
        spent_by most-fping
        fping_run most -i 0 -c 1 -f "$work/list"
        spent_by most-recipe
    done
    permit_datagrams "0 2147483647"
    ours datagram near 20 1000 3 "$lasting"
    permit_datagrams "1 0"
    entry "$work/datagram.json" answered_per_cpu_second >>"$work/most-datagram"
    lost=$((lost + $(entry "$work/datagram.json" lost)))
    say "probe: most, round $((round + 1)): ours $(tail -n 1 "$work/most-ours") (datagram $(tail -n 1 "$work/most-datagram"))," \
        "fping $(tail -n 1 "$work/most-recipe") (with $ONCE to each $(tail -n 1 "$work/most-fping")) a second of processor time"
done
most=$(middle <"$work/most-ours") fping_most=$(middle <"$work/most-recipe")
datagram=$(middle <"$work/most-datagram") fping_repeated=$(middle <"$work/most-fping")
ceiling=$(fping -q -i 0 -p 100 -c 20 -f "$work/near" 2>&1 >/dev/null | grep -c 'not enough sequence numbers' || true)

# --- steady ---------------------------------------------------------------------------------------

: >"$work/steady-ours" >"$work/steady-fping"
steady_lost=0 fping_lost=0
for ((round = 0; round < 3; round++)); do
    ours steady near 1000 10000 12 "$steady"
    entry "$work/steady.json" percent_of_a_core >>"$work/steady-ours"
    steady_lost=$((steady_lost + $(entry "$work/steady.json" lost)))
    fping_run steady -i 0.2 -p 1000 -c 10 -f "$work/near"
    read -r sent received < <(answered steady)
    awk -v s="$spent" -v w="$took" 'BEGIN { print 100 * s / w }' >>"$work/steady-fping"
    fping_lost=$((fping_lost + sent - received))
    say "probe: steady, round $((round + 1)): ours $(tail -n 1 "$work/steady-ours") %, fping $(tail -n 1 "$work/steady-fping") %"
done
percent=$(middle <"$work/steady-ours") fping_steady=$(middle <"$work/steady-fping")

# --- times ----------------------------------------------------------------------------------------

: >"$work/one-ours" >"$work/one-fping" >"$work/many-ours" >"$work/many-fping"
for ((round = 0; round < rounds; round++)); do
    ours one one $SINGLE_MS 1000 2 5
    entry "$work/one.json" rtt_p50_us >>"$work/one-ours"
    fping_run one -p $SINGLE_MS -C 250 -f "$work/one"
    fping_median one >>"$work/one-fping"
    ours many far 1000 2000 3 6
    entry "$work/many.json" rtt_p50_us >>"$work/many-ours"
    fping_run many -i 0.2 -p 1000 -C 6 -f "$work/far"
    fping_median many >>"$work/many-fping"
    say "probe: times, round $((round + 1)): one $(tail -qn 1 "$work"/one-ours "$work"/one-fping | paste -sd ' ') us," \
        "$TARGETS $(tail -qn 1 "$work"/many-ours "$work"/many-fping | paste -sd ' ') us (ours, fping)"
done
one=$(middle <"$work/one-ours") fping_one=$(middle <"$work/one-fping")
many=$(middle <"$work/many-ours") fping_many=$(middle <"$work/many-fping")
apart() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; printf "%.1f", d < 0 ? -d : d }'; }

# --- gateway --------------------------------------------------------------------------------------

resident=null gateway_cpu=null measured=null
if [[ -x $bin/wasl && -x $bin/wasl-agent ]]; then
    mkdir "$work/config"
    {
        printf 'institution:\n  id: bench\n  name: { en: Bench, ar: قياس }\n  timezone: UTC\n'
        printf 'sites:\n  here: { name: { en: Here, ar: هنا } }\nagents:\n  gateway: { site: here, role: gateway }\ntargets:\n'
        head -n $GATEWAY_TARGETS "$work/near" |
            awk '{ printf "  t%d: { name: { en: T%d, ar: هدف%d }, address: %s, from: [gateway] }\n", NR, NR, NR, $1 }'
    } >"$work/config/wasl.yaml"
    serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:0 --agents 127.0.0.1:0
    until_true 30 "the controller" test -s "$work/controller/addresses.json"
    address=$(sed -n 's/.*"agents" *: *"\([^"]*\)".*/\1/p' "$work/controller/addresses.json")
    "$bin/wasl" token create --state "$work/controller" --site here --role gateway --name gateway >"$work/token"
    "$bin/wasl-agent" join --controller "$address" --token "$work/token" --state "$work/agent" >/dev/null
    begin "$work/agent.log" "$bin/wasl-agent" run --state "$work/agent"
    agent=$begun group=$(meter "$begun")
    well() { "$bin/wasl" status --state "$work/controller" --json --kind target | grep -c '"health": *"ok"'; }
    all_well() { (($(well) == GATEWAY_TARGETS)); }
    until_true 90 "all targets to be well" all_well
    before=$(processor_time "$agent" "$group")
    for ((second = 0; second < steady; second += 5)); do
        rest 5
        kilobytes "/proc/$agent/status" VmRSS
        echo
    done >"$work/resident"
    after=$(processor_time "$agent" "$group")
    resident=$(sort -n "$work/resident" | tail -n 1) measured=$(well)
    gateway_cpu=$(awk -v us="$((after - before))" -v s="$(wc -l <"$work/resident")" 'BEGIN { printf "%.3f", us / (s * 5e4) }')
    say "probe: gateway: $resident kB, $gateway_cpu % of a core, $measured targets well"
else
    say "probe: no $bin/wasl and $bin/wasl-agent; an agent with $GATEWAY_TARGETS targets was not measured"
fi

ratio=$(ratio "$most" "$fping_most")
met_ratio=$(within 2.5 "$ratio")
ceiling_met=$(awk -v n="$most_second" -v lost="$lost" 'BEGIN { print (n > 6553 && lost == 0 ? "true" : "false") }')
one_apart=$(apart "$one" "$fping_one") many_apart=$(apart "$many" "$fping_many")
gateway_met=null
if [[ $resident != null ]]; then gateway_met=$(within "$resident" 20000); fi

cat >"$results/probe.json" <<JSON
{
  "name": "probe",
  "ours": $most,
  "peer": $fping_most,
  "ratio": $ratio,
  "unit": "answered probes per second of processor time",
  "n": $rounds,
  "p50": null,
  "p99": null,
  "most": { "targets": $TARGETS, "goal": 2.5, "met": $met_ratio, "answered_per_second": $most_second, "lost": $lost, "datagram": $datagram, "fping_repeated": $fping_repeated, "no_ceiling": $ceiling_met, "fping_ran_out_of_numbers": $( ((ceiling > 0)) && echo true || echo false) },
  "steady": { "targets": $TARGETS, "every_ms": 1000, "percent_of_a_core": $percent, "limit": 5, "met": $(within "$percent" 5), "lost": $steady_lost, "voided": $(entry "$work/steady.json" voided), "resident_kb": $(entry "$work/steady.json" resident_kb), "fping_percent_of_a_core": $fping_steady, "fping_lost": $fping_lost },
  "times": { "limit_us": 20,
    "one": { "ours_us": $one, "fping_us": $fping_one, "apart_us": $one_apart, "met": $(within "$one_apart" 20) },
    "many": { "targets": $TARGETS, "ours_us": $many, "fping_us": $fping_many, "apart_us": $many_apart, "met": $(within "$many_apart" 20) } },
  "gateway": { "targets": $GATEWAY_TARGETS, "resident_kb": $resident, "limit_kb": 20000, "met": $gateway_met, "percent_of_a_core": $gateway_cpu, "well": $measured },
  "commands": $(strings "$prober 20 1000 3 $lasting" "fping -q -i 0 -p 10 -c $ONCE -t 500 -r 0 -f LIST" "fping -q -i 0 -c 1 -f LIST of $LIST" "$prober 1000 10000 12 $steady" "fping -q -i 0.2 -p 1000 -c 10 -f LIST" "$prober $SINGLE_MS 1000 2 5" "fping -q -p $SINGLE_MS -C 250 -f LIST"),
  "versions": $(strings "wasl $(revision)" "$(fping --version | head -n 1)" "built $(built "$prober")"),
  "machine": $(machine)
}
JSON

row() { printf '%-50s %14s %14s  %-28s %s\n' "$@"; }
said() { case $1 in true) echo met ;; false) echo 'NOT MET' ;; *) echo 'not measured' ;; esac; }
{
    row "" ours fping goal ""
    row "probes answered per second of a core" "$(digits 0 "$most")" "$(digits 0 "$fping_most")" "2.5 times fping's: $ratio" "$(said "$met_ratio")"
    row "  by a datagram socket; fping with $ONCE to each" "$(digits 0 "$datagram")" "$(digits 0 "$fping_repeated")" "" ""
    row "most probes answered in a second, none lost" "$(digits 0 "$most_second")" "$( ((ceiling > 0)) && echo 'ran out' || echo -)" "above 6553" "$(said "$ceiling_met")"
    row "$TARGETS targets at 1 s, of a core" "$(digits 2 "$percent") %" "$(digits 2 "$fping_steady") %" "at most 5 %" "$(said "$(within "$percent" 5)")"
    row "  of these lost" "$steady_lost" "$fping_lost" none "$(said "$(within "$steady_lost" 0)")"
    row "median round trip, one target" "$(digits 1 "$one") us" "$(digits 1 "$fping_one") us" "at most 20 us apart: $one_apart" "$(said "$(within "$one_apart" 20)")"
    row "median round trip, $TARGETS targets" "$(digits 1 "$many") us" "$(digits 1 "$fping_many") us" "at most 20 us apart: $many_apart" "$(said "$(within "$many_apart" 20)")"
    row "agent with $GATEWAY_TARGETS targets, resident" "$resident kB" - "at most 20000 kB" "$(said "$gateway_met")"
}
