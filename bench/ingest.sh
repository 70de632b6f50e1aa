#!/usr/bin/env bash
# How many values a second of processor time does a server take in, from the wire until they are on disk for good?
# Ours beside Prometheus' remote-write receiver and VictoriaMetrics, with the same values of the same series at
# the same times.
#
#   bench/ingest.sh                # writes target/bench/ingest.json; takes some 20 minutes
#   HOURS=1 bench/ingest.sh        # a quick look
#
# `wasl simulate` makes the backlog of two gateways (500 targets and 2000 interfaces each) and delivers it to a
# controller over mutual TLS; `wasl-bench` sends the numbers that the controller's history keeps of it to the
# peers by remote-write 1.0 over plain HTTP. Counted is the server's own processor time only, system time
# included, in its control group. Builds must be there: cargo build --release -p wasl -p wasl-bench.

source "$(dirname "$0")/lib.bash"

hours=${HOURS:-6}
gateways=${GATEWAYS:-2} targets=${TARGETS:-500} interfaces=${INTERFACES:-2000}
bin=${WASL_BIN:-$root/target/release}
prometheus=${PROMETHEUS:-prometheus}
victoria=${VICTORIA_METRICS:-victoria-metrics}
readonly RIPE=600 IDLE=${IDLE:-30}       # how long batches stay batches at least; how long idling is measured

[[ -x $bin/wasl && -x $bin/wasl-bench ]] || die "no $bin/wasl and $bin/wasl-bench; build them first"
inside_own_network "$@"
need python3 strace du

cpu() { processor_time "$1" "$2"; }
disk() { du -s --block-size=1 "$1" | cut -f 1; }
rate() { awk -v n="$1" -v us="$2" 'BEGIN { if (us > 0) printf "%.0f", n / (us / 1e6); else print "null" }'; }
each() { awk -v b="$1" -v n="$2" 'BEGIN { if (n > 0) printf "%.3f", b / n; else print "null" }'; }
seconds() { awk -v us="$1" 'BEGIN { printf "%.2f", us / 1e6 }'; }

# --- ours -----------------------------------------------------------------------------------------

shape=(--kind gateway --agents "$gateways" --targets "$targets" --interfaces "$interfaces" --sites one)
# Batches that the store has not yet turned into history.
hot() {
    python3 - "$1/store.sqlite" <<'PY'
import sqlite3, sys
print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute("SELECT count(*) FROM batch").fetchone()[0])
PY
}

"$bin/wasl" simulate "${shape[@]}" --write-config "$work/config"
serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:0 --agents 127.0.0.1:0
controller=$begun
meter_of=$(meter "$controller")
until_true 20 "the controller" test -s "$work/controller/addresses.json"
cpu_before=$(cpu "$controller" "$meter_of")
say "bench: $hours hours of $gateways gateways: making and delivering them"
"$bin/wasl" simulate "${shape[@]}" --backfill "${hours}h" --for 1s --drain 15m --state "$work/controller" \
    --batches "$work/batches" --json >"$work/summary.json" 2>"$work/simulate.log" || die "not everything was delivered"
cpu_durable=$(cpu "$controller" "$meter_of")
values=$(figure "$work/summary.json" history_points)
scalars=$(figure "$work/summary.json" values)
wire=$(figure "$work/summary.json" upload_bytes)
took=$(figure "$work/summary.json" backlog_delivered_in)
disk_durable=$(disk "$work/controller")
say "bench: $values values are durable; waiting until they are history (at least $RIPE s)"
waiting_from=$SECONDS
until (($(hot "$work/controller") == 0)); do
    ((SECONDS - waiting_from < RIPE + 1800)) || die "the history is not done after $((SECONDS - waiting_from)) s"
    rest 5
done
waited=$((SECONDS - waiting_from))
cpu_done=$(cpu "$controller" "$meter_of")
rest "$IDLE"
cpu_idle=$((($(cpu "$controller" "$meter_of") - cpu_done) / IDLE))
disk_done=$(disk "$work/controller")
rss=$(kilobytes "/proc/$controller/status" VmHWM)
# Without the work of merely being there while waiting, which is no part of taking values in.
ours_durable=$((cpu_durable - cpu_before))
ours_all=$((cpu_done - cpu_before - cpu_idle * waited))
kill "$controller"; wait "$controller" || true

# --- peers ----------------------------------------------------------------------------------------

# peer NAME URL MOMENTS PID METER: replays all, prints processor time in us.
replayed() {
    local before
    before=$(cpu "$4" "$5")
    "$bin/wasl-bench" --batches "$work/batches" --url "$2" --moments "$3" >"$work/$1.replay"
    printf '%s' "$(($(cpu "$4" "$5") - before))"
}

# Samples that were sent, as the replay tells.
sent() { sed -n 's/.*"samples": \([0-9]*\).*/\1/p' "$work/$1.replay"; }
sent_bytes() { sed -n 's/.*"wire_bytes": \([0-9]*\).*/\1/p' "$work/$1.replay"; }

start_prometheus() {
    echo 'global: { scrape_interval: 1h }' >"$work/prometheus.yml"
    rm -rf "$work/prometheus"
    begin "$work/prometheus.log" "$@" "$prometheus" --config.file="$work/prometheus.yml" --web.listen-address=127.0.0.1:9090 \
        --storage.tsdb.path="$work/prometheus" --web.enable-remote-write-receiver --web.enable-admin-api
    until_true 30 Prometheus curl -sf http://127.0.0.1:9090/-/ready
}
flush_prometheus() { curl -sf -XPOST http://127.0.0.1:9090/api/v1/admin/tsdb/snapshot >/dev/null; }
appended_prometheus() { curl -sf http://127.0.0.1:9090/metrics | awk '/^prometheus_tsdb_head_samples_appended_total/ { n += $2 } END { printf "%.0f", n }'; }

start_victoria() {
    rm -rf "$work/victoria"
    begin "$work/victoria.log" "$@" "$victoria" -storageDataPath="$work/victoria" -httpListenAddr=127.0.0.1:8428
    until_true 30 VictoriaMetrics curl -sf http://127.0.0.1:8428/health
}
flush_victoria() {
    curl -sf http://127.0.0.1:8428/internal/force_flush >/dev/null
    curl -sf http://127.0.0.1:8428/internal/force_merge >/dev/null
    # The merge runs behind the answer.
    until_true 300 "the merge" merged_victoria
}
merged_victoria() { [[ $(curl -sf http://127.0.0.1:8428/metrics | awk '/^vm_active_merges/ { n += $2 } END { print n + 0 }') == 0 ]]; }
appended_victoria() { curl -sf http://127.0.0.1:8428/metrics | awk '/^vm_rows_inserted_total.*promremotewrite/ { n += $2 } END { printf "%.0f", n }'; }

declare -A took_in flushed bytes_on_disk peer_rss wire_bytes syncs best
# measure NAME URL: once with one moment a request and once with six; kept is what is better for the peer.
measure() {
    local name=$1 url=$2 moments pid group durable all
    for moments in 1 6; do
        "start_$name"
        pid=$begun
        group=$(meter "$pid")
        durable=$(replayed "$name" "$url" "$moments" "$pid" "$group")
        [[ $(sent "$name") == "$("appended_$name")" ]] || die "$name took $("appended_$name") of $(sent "$name") values"
        local before
        before=$(cpu "$pid" "$group")
        "flush_$name"
        all=$((durable + $(cpu "$pid" "$group") - before))
        say "bench: $name, $moments moments a request: $(sent "$name") values, $(seconds "$durable") s, flushed $(seconds "$all") s"
        if [[ -z ${flushed[$name]:-} ]] || ((all < flushed[$name])); then
            took_in[$name]=$durable flushed[$name]=$all best[$name]=$moments
            wire_bytes[$name]=$(sent_bytes "$name")
            peer_rss[$name]=$(kilobytes "/proc/$pid/status" VmHWM)
        fi
        kill "$pid"; wait "$pid" || true
        # A snapshot is hard links and copies beside the data; it is no part of it.
        rm -rf "$work/$name/snapshots"
        bytes_on_disk[$name]=$(disk "$work/$name")
    done
}

# How often a server syncs to disk while a tenth of the batches come.
syncing() {
    local name=$1 url=$2 count
    count=$(awk -v h="$hours" -v g="$gateways" 'BEGIN { printf "%d", h * g * 36 }')
    "start_$name" strace -f -qq -c -e trace=fsync,fdatasync,msync,sync_file_range -o "$work/$name.strace"
    local tracer=$begun
    "$bin/wasl-bench" --batches "$work/batches" --url "$url" --first "$count" >"$work/$name.few"
    pkill -INT -P "$tracer" || true
    wait "$tracer" || true
    syncs[$name]=$(awk '$NF ~ /sync/ { n += $4 } END { print n + 0 }' "$work/$name.strace")
}

peers=()
if command -v "$prometheus" >/dev/null; then
    peers+=(prometheus)
    measure prometheus http://127.0.0.1:9090/api/v1/write
    syncing prometheus http://127.0.0.1:9090/api/v1/write
else
    say "bench: no prometheus here; it is left out"
fi
if command -v "$victoria" >/dev/null; then
    peers+=(victoria)
    measure victoria http://127.0.0.1:8428/api/v1/write
    syncing victoria http://127.0.0.1:8428/api/v1/write
else
    say "bench: no victoria-metrics here; it is left out"
fi

# --- figures --------------------------------------------------------------------------------------

printf '%-14s %16s %16s %12s %12s %10s %8s\n' '' 'durable, v/cpu-s' 'compacted, v/s' 'wire B/v' 'disk B/v' 'peak RSS' 'syncs'
printf '%-14s %16s %16s %12s %12s %7d MB %8s\n' wasl "$(rate "$values" "$ours_durable")" "$(rate "$values" "$ours_all")" \
    "$(each "$wire" "$values")" "$(each "$disk_done" "$values")" "$((rss / 1000))" 'each'
top=0
for peer in "${peers[@]}"; do
    printf '%-14s %16s %16s %12s %12s %7d MB %8s\n' "$peer" "$(rate "$values" "${took_in[$peer]}")" "$(rate "$values" "${flushed[$peer]}")" \
        "$(each "${wire_bytes[$peer]}" "$values")" "$(each "${bytes_on_disk[$peer]}" "$values")" "$((peer_rss[$peer] / 1000))" "${syncs[$peer]}"
    now_rate=$(rate "$values" "${flushed[$peer]}")
    if ((now_rate > top)); then top=$now_rate; fi
done
ours=$(rate "$values" "$ours_all")
{
    printf '{\n  "name": "ingest",\n  "what": "values a second of processor time, from the wire to synced and compacted; higher is better; the peer is the better of the two",\n'
    printf '  "ours": %s,\n  "peer": %s,\n  "ratio": %s,\n  "unit": "values per CPU second",\n' "$ours" "$top" "$(ratio "$ours" "$top")"
    printf '  "n": 1,\n  "p50": %s,\n  "p99": %s,\n' "$ours" "$ours"
    printf '  "values": %s,\n  "scalars": %s,\n  "hours": %s,\n  "gateways": %s,\n' "$values" "$scalars" "$hours" "$gateways"
    printf '  "servers": [\n    { "server": "wasl", "cpu_s_durable": %s, "cpu_s_compacted": %s, "durable": %s, "compacted": %s, "wire_bytes": %s, "disk_bytes": %s, "disk_bytes_before": %s, "peak_rss_kb": %s, "delivered_in_s": %s, "waited_s": %s, "idle_us_per_s": %s }' \
        "$(seconds "$ours_durable")" "$(seconds "$ours_all")" "$(rate "$values" "$ours_durable")" "$ours" "$wire" "$disk_done" "$disk_durable" "$rss" "$took" "$waited" "$cpu_idle"
    for peer in "${peers[@]}"; do
        printf ',\n    { "server": "%s", "cpu_s_taken_in": %s, "cpu_s_flushed": %s, "taken_in": %s, "flushed": %s, "wire_bytes": %s, "disk_bytes": %s, "peak_rss_kb": %s, "moments": %s, "syncs_for_a_tenth": %s }' \
            "$peer" "$(seconds "${took_in[$peer]}")" "$(seconds "${flushed[$peer]}")" "$(rate "$values" "${took_in[$peer]}")" "$(rate "$values" "${flushed[$peer]}")" \
            "${wire_bytes[$peer]}" "${bytes_on_disk[$peer]}" "${peer_rss[$peer]}" "${best[$peer]}" "${syncs[$peer]}"
    done
    printf '\n  ],\n  "commands": %s,\n' "$(strings "HOURS=$hours bench/ingest.sh" "wasl simulate ${shape[*]} --backfill ${hours}h" 'wasl-bench --moments 1 and 6')"
    versions=("wasl: $("$bin/wasl" --version) (built $(built "$bin/wasl"), checkout $(revision))")
    for peer in "${peers[@]}"; do
        [[ $peer == prometheus ]] && versions+=("prometheus: $("$prometheus" --version 2>&1 | sed -n 's/^prometheus, version \([^ ]*\).*/\1/p')")
        [[ $peer == victoria ]] && versions+=("victoria-metrics: $(dpkg-query -W -f '${Version}' victoria-metrics 2>/dev/null || "$victoria" -version 2>&1)")
    done
    printf '  "versions": %s,\n  "machine": %s,\n  "at": "%s"\n}\n' "$(strings "${versions[@]}")" "$(machine)" "$(date -u +%FT%TZ)"
} >"$results/ingest.json"
say "bench: written to $results/ingest.json"
