#!/usr/bin/env bash
# What does it take to read many devices by SNMP? Requests, time over a far line, and processor time, beside
# prometheus-snmp-exporter and net-snmp's snmpbulkwalk.
#
#   bench/snmp.sh                # writes target/bench/snmp.json
#   SECONDS_=10 bench/snmp.sh    # a quick look
#
# The devices are snmpd of net-snmp, each with 48 interfaces (200 for the far one). Requests and the size of the
# datagrams are counted on the wire. The exporter and snmpbulkwalk read what they usually read: the exporter its
# module if_mib, snmpbulkwalk ifTable and ifXTable. Needs the packages snmpd, snmp and prometheus-snmp-exporter.

source "$(dirname "$0")/lib.bash"

lasting=${SECONDS_:-20}
devices=${DEVICES:-12}
poll=${SNMP_POLL:-$root/target/release/examples/snmp_poll}
exporter=${SNMP_EXPORTER:-prometheus-snmp-exporter}
readonly INTERFACES=48 MANY=200 FIRST=16100

[[ -n ${SNMP_POLL:-} ]] || example snmp_poll
export PATH=$PATH:/usr/sbin
need snmpd snmpget snmpbulkwalk python3 xargs
inside_own_network "$@"

# interfaces N: so many in all, lo and wan0 among them.
interfaces() {
    local have
    have=$(find /sys/class/net -mindepth 1 -maxdepth 1 | wc -l)
    for ((; have < $1; have++)); do ip link add "d$have" type dummy 2>/dev/null || ip link add "d$have" type bridge; done
}

# device PORT
device() {
    mkdir -p "$work/snmpd-$1"
    printf 'agentaddress udp:127.0.0.1:%s\nrocommunity bench 127.0.0.1\n' "$1" >"$work/snmpd-$1.conf"
    SNMP_PERSISTENT_DIR=$work/snmpd-$1 MIBS='' begin "$work/snmpd-$1.log" \
        snmpd -f -C -LE 3 -I -smux -c "$work/snmpd-$1.conf"
    until_true 20 "snmpd on port $1" snmpget -v2c -c bench -On -m '' "127.0.0.1:$1" 1.3.6.1.2.1.1.3.0
}

# listen PORT SECONDS READY: makes the file READY, then tells requests to a port, replies from it, and the largest datagram of either, with its headers.
listen() {
    python3 - "$@" <<'PY'
import socket, struct, sys, time
port, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("lo", 0))
wire.settimeout(0.2)
open(sys.argv[3], "w").close()
asked = answered = largest = 0
while time.monotonic() < end:
    try:
        frame, (_, _, kind, *_) = wire.recvfrom(65535)
    except TimeoutError:
        continue
    packet = frame[14:]
    # Each datagram on the loopback is seen going out and coming in.
    if kind == 4 or packet[:1] != b"\x45" or packet[9] != 17:
        continue
    source, target = struct.unpack("!HH", packet[20:24])
    if target == port:
        asked += 1
    elif source == port:
        answered += 1
    else:
        continue
    largest = max(largest, struct.unpack("!H", packet[2:4])[0])
print(asked, answered, largest)
PY
}

# entry JSON PATH...: a value of a JSON document.
entry() { python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for key in sys.argv[2:]: v = v[int(key)] if key.lstrip("-").isdigit() else v[key]
print(v)' "$@"; }

mkdir -m 700 "$work/secrets"
printf 'bench\n' >"$work/secrets/bench"
chmod 600 "$work/secrets/bench"
line() { printf 'sw%s 127.0.0.1 %s bench\n' "$1" "$1"; }

# --- requests for one device ----------------------------------------------------------------------

interfaces $INTERFACES
for ((n = 0; n < devices; n++)); do device $((FIRST + n)); done
say "snmp: $devices devices of $INTERFACES interfaces"

line $FIRST | "$poll" "$work/secrets" 5000 14 >"$work/one.json"
requests=$(entry "$work/one.json" devices "sw$FIRST" requests -1)
first_requests=$(entry "$work/one.json" devices "sw$FIRST" requests 0)
listen $FIRST 12 "$work/hears-ours" >"$work/wire" &
listener=$!
until_true 5 "the listener" test -e "$work/hears-ours"
line $FIRST | "$poll" "$work/secrets" 60000 5 >/dev/null
wait $listener
read -r wire_asked _ largest <"$work/wire"

# Debian ships the exporter without its file. This is its usual module if_mib: the same subtrees, and a metric
# with the usual labels for each column.
python3 - >"$work/exporter.yml" <<'PY'
plain = "ifIndex:1 ifType:3 ifMtu:4 ifSpeed:5 ifAdminStatus:7 ifOperStatus:8 ifLastChange:9 ifInOctets:10 ifInUcastPkts:11 ifInNUcastPkts:12 ifInDiscards:13 ifInErrors:14 ifInUnknownProtos:15 ifOutOctets:16 ifOutUcastPkts:17 ifOutNUcastPkts:18 ifOutDiscards:19 ifOutErrors:20 ifOutQLen:21"
wide = "ifInMulticastPkts:2 ifInBroadcastPkts:3 ifOutMulticastPkts:4 ifOutBroadcastPkts:5 ifHCInOctets:6 ifHCInUcastPkts:7 ifHCInMulticastPkts:8 ifHCInBroadcastPkts:9 ifHCOutOctets:10 ifHCOutUcastPkts:11 ifHCOutMulticastPkts:12 ifHCOutBroadcastPkts:13 ifLinkUpDownTrapEnable:14 ifHighSpeed:15 ifPromiscuousMode:16 ifConnectorPresent:17 ifCounterDiscontinuityTime:19"
labels = {"ifAlias": "1.3.6.1.2.1.31.1.1.1.18", "ifDescr": "1.3.6.1.2.1.2.2.1.2", "ifName": "1.3.6.1.2.1.31.1.1.1.1"}
print("if_mib:\n  walk:\n  - 1.3.6.1.2.1.2\n  - 1.3.6.1.2.1.31.1.1\n  get:\n  - 1.3.6.1.2.1.1.3.0\n  metrics:")
for base, names in (("1.3.6.1.2.1.2.2.1", plain), ("1.3.6.1.2.1.31.1.1.1", wide)):
    for name, column in (pair.split(":") for pair in names.split()):
        counts = any(word in name for word in ("Octets", "Pkts", "Discards", "Errors", "Protos"))
        print(f"  - name: {name}\n    oid: {base}.{column}\n    type: {'counter' if counts else 'gauge'}\n    help: {name}")
        print("    indexes:\n    - labelname: ifIndex\n      type: gauge\n    lookups:")
        for label, oid in labels.items():
            print(f"    - labels:\n      - ifIndex\n      labelname: {label}\n      oid: {oid}\n      type: DisplayString")
print("  version: 2\n  auth:\n    community: bench")
PY
peer_requests=null exporter_rate=null
if command -v "$exporter" >/dev/null; then
    begin "$work/exporter.log" "$exporter" --config.file="$work/exporter.yml" --web.listen-address=127.0.0.1:9116
    exporter_pid=$begun
    until_true 20 "the exporter" curl -sf -o /dev/null http://127.0.0.1:9116/
    listen $FIRST 8 "$work/hears-peer" >"$work/wire-peer" &
    listener=$!
    until_true 5 "the listener" test -e "$work/hears-peer"
    curl -sf "http://127.0.0.1:9116/snmp?target=127.0.0.1:$FIRST&module=if_mib" >"$work/scrape" || die "the exporter does not read"
    wait $listener
    read -r peer_requests _ _ <"$work/wire-peer"
fi

# --- processor time -------------------------------------------------------------------------------

for ((n = 0; n < devices; n++)); do line $((FIRST + n)); done >"$work/list"
"$poll" "$work/secrets" 1000 "$lasting" <"$work/list" >"$work/many.json"
ours_rate=$(entry "$work/many.json" interfaces_per_cpu_second)
say "snmp: ours $ours_rate interfaces per second of processor time"

if [[ $peer_requests != null ]]; then
    group=$(meter "$exporter_pid")
    before=$(processor_time "$exporter_pid" "$group")
    until=$((SECONDS + lasting)) scraped=0
    while ((SECONDS < until)); do
        scraped=$((scraped + $(seq $FIRST $((FIRST + devices - 1)) | xargs -P 8 -I{} curl -sf \
            "http://127.0.0.1:9116/snmp?target=127.0.0.1:{}&module=if_mib" | grep -c '^ifHCInOctets{')))
    done
    after=$(processor_time "$exporter_pid" "$group")
    exporter_rate=$(awk -v n="$scraped" -v us="$((after - before))" 'BEGIN { printf "%.0f", n / (us / 1e6) }')
    say "snmp: exporter $exporter_rate"
fi

walk='snmpbulkwalk -v2c -c bench -On -m "" -Cr25'
until=$((SECONDS + lasting)) walked=0
TIMEFORMAT='%U %S'
{
    time while ((SECONDS < until)); do
        walked=$((walked + $(seq $FIRST $((FIRST + devices - 1)) | xargs -P 8 -I{} sh -c \
            "$walk 127.0.0.1:{} 1.3.6.1.2.1.2.2; $walk 127.0.0.1:{} 1.3.6.1.2.1.31.1.1" |
            grep -c '^\.1\.3\.6\.1\.2\.1\.31\.1\.1\.1\.6\.')))
    done
} 2>"$work/walk-time"
walk_rate=$(awk -v n="$walked" '{ printf "%.0f", n / ($1 + $2) }' "$work/walk-time")
say "snmp: snmpbulkwalk $walk_rate"

# --- a far device ---------------------------------------------------------------------------------

# A relay that holds each datagram for 20 ms: not every kernel has netem.
cat >"$work/relay.py" <<'PY'
import asyncio, sys
listen, device, hold = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
class Side(asyncio.DatagramProtocol):
    def __init__(self, deliver): self.deliver = deliver
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, source): asyncio.get_running_loop().call_later(hold, self.deliver, data, source)
async def main():
    loop, ways = asyncio.get_running_loop(), {}
    def to_device(data, source):
        async def send():
            if source not in ways:
                back = lambda data, _: near.sendto(data, source)
                ways[source] = (await loop.create_datagram_endpoint(lambda: Side(back), remote_addr=("127.0.0.1", device)))[0]
            ways[source].sendto(data)
        loop.create_task(send())
    near, _ = await loop.create_datagram_endpoint(lambda: Side(to_device), local_addr=("127.0.0.1", listen))
    await asyncio.Event().wait()
asyncio.run(main())
PY
interfaces $MANY
begin "$work/relay.log" python3 "$work/relay.py" $((FIRST - 1)) $FIRST 0.02
until_true 20 "the relay" snmpget -v2c -c bench -On -m '' "127.0.0.1:$((FIRST - 1))" 1.3.6.1.2.1.1.3.0
line $((FIRST - 1)) | "$poll" "$work/secrets" 10000 35 >"$work/far.json"
far_first=$(entry "$work/far.json" devices "sw$((FIRST - 1))" took_ms 0)
far=$(entry "$work/far.json" devices "sw$((FIRST - 1))" took_ms -1)
far_requests=$(entry "$work/far.json" devices "sw$((FIRST - 1))" requests -1)
say "snmp: $MANY interfaces at 40 ms: first $far_first ms, then $far ms in $far_requests requests"

cat >"$results/snmp.json" <<JSON
{
  "name": "snmp",
  "ours": $ours_rate,
  "peer": $exporter_rate,
  "ratio": $(ratio "$ours_rate" "$exporter_rate"),
  "unit": "interfaces per second of processor time",
  "n": $(entry "$work/many.json" interfaces),
  "p50": null,
  "p99": null,
  "peers": {
    "snmpbulkwalk": { "rate": $walk_rate, "ratio": $(ratio "$ours_rate" "$walk_rate") }
  },
  "requests": { "interfaces": $INTERFACES, "first": $first_requests, "then": $requests, "exporter": $peer_requests, "largest_datagram": $largest, "on_the_wire_in_two_polls": $wire_asked, "limit": 13, "met": $(within "$requests" 13) },
  "far": { "interfaces": $MANY, "rtt_ms": 40, "first_ms": $far_first, "then_ms": $far, "requests": $far_requests, "limit_ms": 2000, "met": $(within "$far" 2000) },
  "goals": { "exporter": 5, "snmpbulkwalk": 2 },
  "commands": $(strings "$poll FOLDER 1000 $lasting" "$exporter, module if_mib" "xargs -P 8 $walk"),
  "versions": $(strings "wasl $(revision)" "$(snmpd -v 2>&1 | awk '/version/ { print $0; exit }')" "$("$exporter" --version 2>&1 | head -n 1)"),
  "machine": $(machine)
}
JSON
cat "$results/snmp.json"
