#!/usr/bin/env bash
# Polls recordings of real devices: the some hundred of PyPI's snmpsim-data, served by PyPI's snmpsim on the
# loopback. Fails if the poller panics, if a value is one that nothing can measure, if a rate is not what was put into
# the recording, or if a device has no answer that the simulator serves.
#
#   tests/tools/snmp-recordings.sh [SECONDS]     # at most for each four devices, default 120
#
# Each device is polled twice, POLLS=3 makes it three times. What the simulator cannot serve is named with what it says.
#
# Needs python3 with venv, cargo build -p wasl-agent --example snmp_poll and, for the sensors, cargo build
# -p wasl-settings --example profiles. Says `skipped` and ends well where
# pip cannot reach its registry.

set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
lasting=${1:-120}
polls=${POLLS:-2}
poll=${SNMP_POLL:-$root/target/debug/examples/snmp_poll}
[[ -x $poll ]] || { echo "no $poll; build it first: cargo build -p wasl-agent --example snmp_poll" >&2; exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/wasl-snmpsim.XXXXXX")
simulator=
clean_up() {
    if [[ $simulator ]]; then kill "$simulator" 2>/dev/null || true; wait "$simulator" 2>/dev/null || true; fi
    rm -rf --one-file-system -- "$work"
}
trap clean_up EXIT

# The simulator keeps an index of each recording in Python's best database. With the one of last resort, which writes
# a line for each entry, the largest recordings take hours.
python=python3
for other in python3 /usr/bin/python3 python3.13; do
    if "$other" -c 'import importlib.util as i
any(map(i.find_spec, ("_gdbm", "_dbm"))) or exit(1)' 2>/dev/null; then
        python=$other
        break
    fi
done

venv=${SNMPSIM_VENV:-$work/venv}
if [[ ! -x $venv/bin/pip ]]; then
    "$python" -m venv "$venv" || { echo "skipped: python3 has no venv here"; exit 0; }
fi
"$venv/bin/pip" -q install snmpsim snmpsim-data || { echo "skipped: pip cannot install snmpsim and snmpsim-data"; exit 0; }

packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
cp -r "$packages/snmpsim_data/data" "$work/data"
data=$work/data
# SNMP_RECORDINGS_BELOW=400k: only those that are not larger, for a quick look.
if [[ ${SNMP_RECORDINGS_BELOW:-} ]]; then find "$data" -type f -size "+$SNMP_RECORDINGS_BELOW" -delete; fi
find "$data" -name '*.snmprec.bz2' -exec bunzip2 -q {} +
# Most recordings stand still. So that there are rates, the octets of all interfaces and the uptime go forward, the
# octets by so much a second:
readonly RATE=1000
octets='1\.3\.6\.1\.2\.1\.(2\.2\.1\.1[06]|31\.1\.1\.1\.(6|10))\.[0-9]+'
find "$data" -name '*.snmprec' -exec sed -E -i \
    -e "s/^($octets)\|(65|70)\|([0-9]+)/\1|\4:numeric|rate=$RATE,initial=\5,wrap=1/" \
    -e 's/^(1\.3\.6\.1\.2\.1\.1\.3\.0)\|67\|([0-9]+)/\1|67:numeric|rate=100,initial=\2,wrap=1/' {} +
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
    POLLS=$polls PROFILES=$work/profiles.json "$poll" "$work/secrets" 30000 "$lasting" <"$some" >"$work/seen.${some##*.}.json"
done
python3 - "$work" "$port" "$RATE" <<'PY'
import json, pathlib, socket, sys, time
work, port, put_in = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
seen = {}
for part in work.glob("seen.*.json"):
    seen |= json.loads(part.read_text())["devices"]
wanted = [line.split()[0] for line in open(work / "list")]
name = lambda id: (work / "secrets" / id).read_text().strip()
complained = (work / "out").read_text(errors="replace").splitlines()


def tlv(tag, *parts):
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


def simulator(id):
    """What the simulator does with one GETNEXT, and what it said of the recording."""
    names = tlv(0x30, tlv(0x30, tlv(6, b"\x2b\x06\1"), tlv(5)))
    next_one = tlv(0xA1, tlv(2, b"\1"), tlv(2, b"\0"), tlv(2, b"\0"), names)
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.settimeout(10)
    began = time.monotonic()
    wire.sendto(tlv(0x30, tlv(2, b"\1"), tlv(4, name(id).encode()), next_one), ("127.0.0.1", port))
    try:
        wire.recv(65535)
        took, answers = f"answers one GETNEXT after {time.monotonic() - began:.1f} s", True
    except TimeoutError:
        took, answers = "does not answer one GETNEXT in 10 s", False
    said = [line for line in complained if name(id) in line]
    return answers, "; ".join([took] + said[-1:])


polled = [id for id in wanted if id in seen and seen[id]["polls"]]
answered = [id for id in polled if seen[id]["polls"] > seen[id]["silent"]]
print(f"{len(wanted)} recordings, {len(polled)} polled, {len(answered)} answered,",
      sum(1 for id in answered if seen[id]["interfaces"]), "with interfaces,",
      sum(1 for id in answered if seen[id]["rates"]), "with rates,",
      sum(1 for id in answered if seen[id]["sensors"]), "with sensors,",
      sum(1 for id in answered if seen[id]["columns_failed"]), "with columns that cannot be read")
faults = []
for id in wanted:
    if id not in answered:
        answers, evidence = simulator(id)
        notices = seen.get(id, {}).get("notices") or ["not one poll came to its end"]
        print("  no answer:", name(id), "- the simulator", evidence, "-", notices[0])
        if answers:
            faults.append(f"{name(id)} has no answer though the simulator serves it")
for id in answered:
    for who, odd in seen[id]["odd"].items():
        faults.append(f"odd: {name(id)} {who} {odd}")
    if seen[id]["too_fast"]:
        faults.append(f"{name(id)} has rates above what its interfaces can do")
    # A poll of the slow simulator takes a while, and so the interval is a little another for each counter.
    if seen[id]["rate"] is not None and not 0.75 * put_in < seen[id]["rate"] < 1.25 * put_in:
        faults.append(f"{name(id)}: {seen[id]['rate']} bytes a second instead of {put_in}")
    if seen[id]["columns_failed"]:
        print("  in part:", name(id), seen[id]["notices"][:1] or "at one poll only")
sys.exit("\n".join(faults) if faults else 0)
PY
