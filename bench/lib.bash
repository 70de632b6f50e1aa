# Shared by the benchmarks: a network of their own, processes that end with them, figures, JSON.
#
# A benchmark sources this file and calls `inside_own_network "$@"` first: it starts again in a fresh
# network and mount namespace, where every port is free and nothing can reach a real network.

set -Eeuo pipefail
export LC_ALL=C
trap 'say "bench: failed at line $LINENO: $BASH_COMMAND"' ERR

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
results=${WASL_BENCH_RESULTS:-$root/target/bench}

# Addresses of the only other machine there is (from the block for benchmarks, RFC 2544).
readonly SELF=198.18.0.2 GATEWAY=198.18.0.1 RESOLVER=198.18.0.53

say() { printf '%s\n' "$*" >&2; }
die() {
    say "bench: $*"
    if [[ -n $work ]]; then tail -n 12 "$work"/*.log >&2 2>/dev/null || true; fi
    exit 1
}
skip() { say "bench: skipped: $*"; exit 0; }
need() { for tool; do command -v "$tool" >/dev/null || die "$tool is needed; install it"; done; }

# Seconds since 1970, with microseconds.
now() { printf '%s' "$EPOCHREALTIME"; }
# since START: seconds since then, with milliseconds.
since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }'; }

started=()
work=
# A process in the namespace of the only other machine.
peer=

# Stops what was started, last first; the namespaces go with the last process in them.
clean_up() {
    local at
    trap - EXIT
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        kill "${started[at]}" 2>/dev/null || true
    done
    for ((at = 0; at < 100; at++)); do
        any_left || break
        sleep 0.1
    done
    for at in "${started[@]}"; do kill -KILL "$at" 2>/dev/null || true; done
    wait 2>/dev/null || true
    if [[ -z $work ]]; then return; fi
    rmdir "$work"/cgroup/wasl-bench-* 2>/dev/null || true
    umount "$work/cgroup" 2>/dev/null || true
    rm -rf --one-file-system -- "$work"
}

any_left() {
    local pid stat
    for pid in "${started[@]}"; do
        { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
        [[ ${stat##*) } == Z* ]] || return 0
    done
    return 1
}

# rest SECONDS: a pause that a signal can end.
rest() { sleep "$1" & wait "$!"; }

# begin LOG COMMAND...: starts a daemon that ends with the benchmark; its pid is in $begun.
begin() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 </dev/null &
    begun=$!
    started+=("$begun")
}

# serve LOG OPTIONS...: starts a controller; its pid is in $begun.
serve() {
    local log=$1
    shift
    begin "$log" "$bin/wasl" serve "$@"
}

# until_true SECONDS WHAT COMMAND...: waits for a command to succeed.
until_true() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || die "waited in vain for $what"
        sleep 0.1
    done
}

# example NAME: builds an example program of the agent; what the checkout has, not what was built some day.
example() {
    [[ -n ${WASL_BENCH_INSIDE:-} ]] || (cd "$root" && cargo build --release --quiet --locked -p wasl-agent --example "$1")
}

inside_own_network() {
    if [[ -z ${WASL_BENCH_INSIDE:-} ]]; then
        need unshare nsenter ip mount awk curl
        local as=()
        ((EUID == 0)) || as=(--user --map-root-user)
        unshare "${as[@]}" --net --mount true 2>/dev/null ||
            skip "this machine permits no network namespaces; run as root"
        WASL_BENCH_INSIDE=1 exec unshare "${as[@]}" --net --mount -- "$0" "$@"
    fi
    work=$(mktemp -d "${TMPDIR:-/tmp}/wasl-bench.XXXXXX")
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    mkdir -p "$results"
    # What /sys tells of interfaces belongs to the namespace that mounted it.
    mount -t sysfs sysfs /sys
    ip link set lo up
    begin /dev/null unshare --net -- sleep infinity
    peer=$begun
    until_true 5 "the second network namespace" differs "$peer"
    ip link add name wan0 type veth peer name peer0 netns "$peer"
    ip address add "$SELF/24" dev wan0
    ip link set wan0 up
    nsenter -t "$peer" -n -- ip address add "$GATEWAY/24" dev peer0
    nsenter -t "$peer" -n -- ip address add "$RESOLVER/24" dev peer0
    nsenter -t "$peer" -n -- ip link set peer0 up
    ip route add default via "$GATEWAY"
    echo "nameserver $RESOLVER" >"$work/resolv.conf"
    mount --bind "$work/resolv.conf" /etc/resolv.conf
}

# bridge PORT: what the other machine asks of its own loopback at this port is answered by ours. The way is a
# socket in the file system, which namespaces share, so that it takes nothing of the line between the two.
bridge() {
    local port=$1 program='
import asyncio, sys
async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()
async def main(listen, dial):
    async def serve(reader, writer):
        there = await dial()
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
        there[1].close()
        writer.close()
    async with await listen(serve) as server:
        await server.serve_forever()
side, path, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
if side == "here":
    asyncio.run(main(lambda s: asyncio.start_unix_server(s, path), lambda: asyncio.open_connection("127.0.0.1", port)))
else:
    asyncio.run(main(lambda s: asyncio.start_server(s, "127.0.0.1", port), lambda: asyncio.open_unix_connection(path)))
'
    need python3
    nsenter -t "$peer" -n -- ip link set lo up
    begin "$work/bridge-here.log" python3 -c "$program" here "$work/bridge.sock" "$port"
    begin "$work/bridge-there.log" nsenter -t "$peer" -n -- python3 -c "$program" there "$work/bridge.sock" "$port"
    until_true 10 "the bridge" nsenter -t "$peer" -n -- curl -sf -o /dev/null "http://127.0.0.1:$port/healthz"
}

differs() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

# meter PID: moves a process into a control group of its own and gives its folder, whose cpu.stat counts
# processor time in microseconds (/proc/PID/stat counts in hundredths of a second). Nothing where
# control groups may not be made.
meter() {
    local groups=$work/cgroup group
    if [[ ! -d $groups ]]; then
        mkdir "$groups"
        mount -t cgroup2 none "$groups" 2>/dev/null || return 0
    fi
    group=$groups/wasl-bench-$1
    mkdir "$group" 2>/dev/null || return 0
    if { echo "$1" >"$group/cgroup.procs"; } 2>/dev/null; then printf '%s' "$group"; fi
}

# kilobytes FILE FIELD
kilobytes() {
    local field value rest
    while read -r field value rest; do
        if [[ $field == "$2:" ]]; then printf '%s' "$value" && return; fi
    done <"$1"
    printf 0
}

# processor_time PID METER: microseconds of processor time, threads that ended included.
processor_time() {
    local pid=$1 meter=$2 stat field value
    if [[ $meter ]]; then
        while read -r field value; do
            if [[ $field == usage_usec ]]; then printf '%s' "$value" && return; fi
        done <"$meter/cpu.stat"
    fi
    read -r stat <"/proc/$pid/stat"
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    printf '%s' "$(((${12} + ${13}) * 1000000 / $(getconf CLK_TCK)))"
}

# quantiles COLUMN: of the tab-separated lines on standard input: n, median, 99th percentile, largest.
# The nearest-rank method: always a value that was measured.
quantiles() {
    cut -f "$1" | sort -n | awk '
        { v[NR] = $1 }
        function at(q, r) { r = q * NR; r = r > int(r) ? int(r) + 1 : r; return v[r < 1 ? 1 : r] }
        END { if (NR) printf "%d\t%s\t%s\t%s\n", NR, at(0.5), at(0.99), v[NR]; else print "0\tnull\tnull\tnull" }'
}

# ratio OURS PEER: their quotient, or null.
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b + 0 > 0) printf "%.3f", a / b; else print "null" }'; }

# sum A B
sum() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f", a + b }'; }

# quoted TEXT: as a JSON string.
quoted() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/ }
    text=${text//$'\t'/ }
    printf '"%s"' "$text"
}

# strings TEXT...: as a JSON array.
strings() {
    local text list=
    for text; do list+=${list:+, }$(quoted "$text"); done
    printf '[%s]' "$list"
}

machine() {
    local model
    model=$(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)
    quoted "$(nproc) x ${model:-unknown processor}, Linux $(uname -r), $(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)"
}

revision() { git -C "$root" describe --always --dirty 2>/dev/null || echo unknown; }

# built FILE: when a program was built; the working tree may have gone on since.
built() { date -u -r "$1" +%FT%TZ; }

# figure FILE KEY: a number of a flat JSON document as serde_json prints it, a key a line.
figure() { sed -n "s/^ *\"$2\": *\([0-9.eE+-]*\),\{0,1\}$/\1/p" "$1" | head -n 1; }

# within VALUE MOST: true or false.
within() { awk -v a="$1" -v b="$2" 'BEGIN { print a + 0 <= b + 0 ? "true" : "false" }'; }
