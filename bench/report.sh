#!/usr/bin/env bash
# How long does somebody wait for a link's page and for the report of a month, of which every window is still there?
#
#   bench/report.sh                 # writes target/bench/report.json; some minutes
#   DAYS=3 ROUNDS=2 bench/report.sh # a quick look
#
# Two ends probe the link; 30 days of their windows of 10 s lie in the store. What was worked out is remembered for some
# minutes, so each round asks a controller that has just been started. The build must be there:
# cargo build --release -p wasl.

source "$(dirname "$0")/lib.bash"

rounds=${ROUNDS:-5}
bin=${WASL_BIN:-$root/target/release}
bench=$root/target/release/examples/store_bench

[[ -x $bin/wasl ]] || die "no $bin/wasl; build it first"
if [[ -z ${WASL_BENCH_INSIDE:-} ]]; then
    (cd "$root" && cargo build --release --quiet --locked -p wasl-store --example store_bench)
fi
inside_own_network "$@"

page=http://127.0.0.1:8080
mkdir "$work/config"
cat >"$work/config/wasl.yaml" <<'YAML'
institution: { id: bench, name: { en: Bench }, timezone: Asia/Hebron }
sites: { hub: { name: { en: Hub } }, one: { name: { en: One } } }
agents: { hub-gw: { site: hub, role: gateway }, gw: { site: one, role: gateway } }
links:
  line: { between: [hub, one], probes: [{ from: gw, to: 192.0.2.1 }, { from: hub-gw, to: 192.0.2.2 }] }
YAML
start() {
    serve "$work/controller.log" --config "$work/config" --state "$work/controller" --http 127.0.0.1:8080 --agents 127.0.0.1:0
    until_true 60 "the controller" curl -sf "$page/healthz"
}
stop() {
    kill "$begun"
    wait "$begun" || true
}

start
stop
"$bench" month "$work/controller/store.sqlite" >"$work/filled.json" 2>"$work/fill.log" || die "the store could not be filled"
say "bench: $(<"$work/filled.json")"

# ask WHAT URL...: of a controller that has worked nothing out yet; all answers together, in milliseconds.
ask() {
    local what=$1
    shift
    start
    curl -sf -o "$work/$what.html" -w '%{time_total}\n' "$@" | awk '{ s += $1 } END { print s * 1000 }' >>"$work/$what.tsv"
    grep -q line "$work/$what.html" || die "no $what"
    stop
}
this=$(date -u +%Y-%m)
last=$(date -u -d "$this-01 - 1 day" +%Y-%m)
for ((round = 0; round < rounds; round++)); do
    ask page "$page/entities/link/line"
    ask report "$page/links/line/report?month=$this" "$page/links/line/report?month=$last"
done

IFS=$'\t' read -r n page50 _ page_most < <(quantiles 1 <"$work/page.tsv")
IFS=$'\t' read -r _ report50 _ report_most < <(quantiles 1 <"$work/report.tsv")
printf '%-44s p50 %6.0f ms   most %6.0f ms\n' "a link's page" "$page50" "$page_most" "the reports of its last two months" "$report50" "$report_most"
{
    printf '{\n  "name": "report",\n  "what": "milliseconds until the page of a link with a month of windows is there; lower is better",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "ms",\n  "n": %s,\n  "p50": %s,\n  "max": %s,\n' \
        "$page50" "$n" "$page50" "$page_most"
    printf '  "reports_ms": { "p50": %s, "max": %s },\n  "filled": %s,\n' "$report50" "$report_most" "$(<"$work/filled.json")"
    printf '  "commands": %s,\n' "$(strings "bench/report.sh")"
    printf '  "versions": %s,\n' "$(strings "wasl: $("$bin/wasl" --version) (built $(built "$bin/wasl"), checkout $(revision))")"
    printf '  "machine": %s,\n  "at": "%s"\n}\n' "$(machine)" "$(date -u +%FT%TZ)"
} >"$results/report.json"
say "bench: written to $results/report.json"
