#!/usr/bin/env bash
# Polls recordings of real devices: the some hundred of PyPI's snmpsim-data, served by PyPI's snmpsim on the
# loopback. Fails if the poller panics, if a rate is above what an interface can do, or if a device that answers
# has columns that could not be read and says nothing of it.
#
#   tests/tools/snmp-recordings.sh [SECONDS]     # for each four devices, default 15: some polls of each
#
# Needs python3 with venv, cargo build -p wasl-agent --example snmp_poll and, for the sensors, cargo build
# -p wasl-settings --example profiles. Says `skipped` and ends well where
# pip cannot reach its registry.

set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
lasting=${1:-15}
poll=${SNMP_POLL:-$root/target/debug/examples/snmp_poll}
[[ -x $poll ]] || { echo "no $poll; build it first: cargo build -p wasl-agent --example snmp_poll" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/wasl-snmpsim.XXXXXX")
simulator=
clean_up() {
    if [[ $simulator ]]; then kill "$simulator" 2>/dev/null || true; wait "$simulator" 2>/dev/null || true; fi
    rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT

venv=${SNMPSIM_VENV:-$work/venv}
if [[ ! -x $venv/bin/pip ]]; then
    python3 -m venv "$venv" || { echo "skipped: python3 has no venv here"; exit 0; }
fi
"$venv/bin/pip" -q install snmpsim snmpsim-data || { echo "skipped: pip cannot install snmpsim and snmpsim-data"; exit 0; }

packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp -r "$packages/snmpsim_data/data" "$work/data"
data=$work/data
# SNMP_RECORDINGS_BELOW=400k: only those that are not larger, for a quick look.
if [[ ${SNMP_RECORDINGS_BELOW:-} ]]; then find "$data" -type f -size "+$SNMP_RECORDINGS_BELOW" -delete; fi
find "$data" -name '*.snmprec.bz2' -exec bunzip2 -q {} +
port=$(python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -m 700 "$work/secrets" && mkdir "$work/cache"
n=0
while read -r recording; do
    community=${recording#"$data"/}
    printf '%s\n' "${community%.snmprec}" >"$work/secrets/r$n"
    chmod 600 "$work/secrets/r$n"
    printf 'r%s 127.0.0.1 %s r%s\n' "$n" "$port" "$n"
    n=$((n + 1))
done < <(find "$data" -name '*.snmprec' | sort) >"$work/list"
# As root it wants to be told so.
user=()
if ((EUID == 0)); then
    user=(--process-user=root --process-group=root)
fi
"$venv/bin/snmpsim-command-responder" "${user[@]}" --data-dir="$data" --cache-dir="$work/cache" \
    --agent-udpv4-endpoint="127.0.0.1:$port" --logging-method=stderr --log-level=error >"$work/out" 2>&1 &
simulator=$!
# Before it answers it makes an index of each recording, which takes minutes.
python3 - "$port" "$(cat "$work/secrets/r0")" "$simulator" <<'PY' || { tail -n 5 "$work/out" >&2; exit 1; }
import os, socket, sys, time
tlv = lambda tag, *parts: bytes([tag, len(b"".join(parts))]) + b"".join(parts)
name = tlv(0x30, tlv(0x06, bytes([0x2B, 6, 1, 2, 1, 1])), tlv(0x05))
next_one = tlv(0xA1, tlv(2, b"\1"), tlv(2, b"\0"), tlv(2, b"\0"), tlv(0x30, name))
message = tlv(0x30, tlv(2, b"\1"), tlv(4, sys.argv[2].encode()), next_one)
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
wire.settimeout(1)
end = time.monotonic() + 1800
while time.monotonic() < end:
    os.kill(int(sys.argv[3]), 0)
    wire.sendto(message, ("127.0.0.1", int(sys.argv[1])))
    try:
        sys.exit(0 if wire.recv(65535) else 1)
    except OSError:
        time.sleep(0.2)
sys.exit(1)
PY

profiles=${SNMP_PROFILES:-$root/target/debug/examples/profiles}
if [[ -x $profiles ]]; then "$profiles" >"$work/profiles.json"; else echo '[]' >"$work/profiles.json"; fi
# The simulator is slow; four at once are what it can answer.
split -l 4 "$work/list" "$work/some."
for some in "$work"/some.*; do
    PROFILES=$work/profiles.json "$poll" "$work/secrets" 30000 "$lasting" <"$some" >"$work/seen.${some##*.}.json"
done
python3 - "$work" "$work/list" "$work/secrets" <<'PY'
import json, pathlib, sys
seen = {}
for part in pathlib.Path(sys.argv[1]).glob("seen.*.json"):
    seen |= json.loads(part.read_text())["devices"]
wanted = [line.split()[0] for line in open(sys.argv[2])]
name = lambda id: pathlib.Path(sys.argv[3], id).read_text().strip()
polled = [id for id in wanted if id in seen]
answered = [id for id in polled if seen[id]["polls"] > seen[id]["silent"]]
fast = [name(id) for id in polled if seen[id]["too_fast"]]
print(f"{len(wanted)} recordings, {len(polled)} polled, {len(answered)} answered,",
      sum(1 for id in answered if seen[id]["interfaces"]), "with interfaces,",
      sum(1 for id in answered if seen[id].get("sensors")), "with sensors,",
      sum(1 for id in answered if seen[id]["columns_failed"]), "with columns that cannot be read")
for id in wanted:
    if id not in answered:
        print("  no answer:", name(id), seen.get(id, {}).get("notices", ["not polled"])[:1])
for id in polled:
    for odd in seen[id].get("odd", []):
        print("  odd:", name(id), odd)
if fast or len(polled) < len(wanted) or any(seen[id].get("odd") for id in polled):
    sys.exit(f"too fast: {fast}; not polled: {len(wanted) - len(polled)}")
PY
