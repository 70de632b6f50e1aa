#!/usr/bin/env bash
# How long from a fresh clone to the page in the browser? Clone, build, start, first page, first
# measured value: what a newcomer waits for after `git clone` and `make run`.
#
#   bench/clean-clone.sh              # writes target/bench/clean-clone.json; builds everything once
#   KEEP=yes bench/clean-clone.sh     # leaves the clone for a look
#
# The registry cache must be warm: the build runs without a network. Uncommitted work is not cloned.

source "$(dirname "$0")/lib.bash"

need git cargo make rustc
inside_own_network "$@"

clone=$work/wasl
export CARGO_TARGET_DIR=$clone/target CARGO_NET_OFFLINE=true WASL_HOME=$work/home
page=http://127.0.0.1:8080

if [[ -n ${KEEP:-} ]]; then
    kept=$work
    trap 'work=; clean_up; say "bench: kept in $kept"' EXIT
fi

run_clone() { exec make --no-print-directory -C "$clone" run; }

# The first answer about the agent's own machine: from here on the page shows something measured.
has_value() {
    curl -sf "$page/api/v1/entities?kind=machine" | grep '"health":"\(ok\|degraded\|down\)"'
}

# patiently COMMAND...: waits for it for as long as the run lasts.
patiently() {
    until "$@" >/dev/null 2>&1; do
        [[ -d /proc/$run ]] && kill -0 "$run" 2>/dev/null || die "the run has ended: $(tail -n 20 "$work/run.log")"
        sleep 0.05
    done
}

start=$(now)
git clone --quiet --no-hardlinks "$root" "$clone"
cloned=$(since "$start")
begin "$work/run.log" run_clone
run=$begun
say "bench: cloned in $cloned s; building"
patiently test -e "$WASL_HOME/config/wasl.yaml"
built=$(since "$start")
patiently curl -sf -o "$work/page.html" "$page/"
answered=$(since "$start")
patiently has_value
valued=$(since "$start")

# `make` does not hand a signal on; the controller tells its own pid.
controller=$(sed -n 's/.*"pid" *: *\([0-9]*\).*/\1/p' "$WASL_HOME/controller/addresses.json")
if [[ $controller ]]; then started+=("$controller"); fi

build=$(awk -v a="$built" -v b="$cloned" 'BEGIN { printf "%.3f", a - b }')
page_after=$(awk -v a="$answered" -v b="$built" 'BEGIN { printf "%.3f", a - b }')
printf '%-34s %10s\n' phase seconds
printf '%-34s %10s\n' 'clone' "$cloned" "build" "$build" 'start, to the first page' "$page_after" \
    'clone to the first page' "$answered" 'clone to the first measured value' "$valued"

{
    printf '{\n  "name": "clean-clone",\n  "what": "from `git clone` to the answer of the page, with a warm registry cache; lower is better",\n'
    printf '  "ours": %s,\n  "peer": null,\n  "ratio": null,\n  "unit": "s",\n  "n": 1,\n  "p50": %s,\n  "p99": %s,\n' \
        "$answered" "$answered" "$answered"
    printf '  "commands": %s,\n' "$(strings 'git clone' "nice -n $(nice) make run" "curl $page/")"
    printf '  "versions": %s,\n  "machine": %s,\n  "at": "%s",\n' \
        "$(strings "wasl: $(git -C "$clone" rev-parse --short HEAD)" "$(rustc --version)" "$(cargo --version)")" "$(machine)" "$(date -u +%FT%TZ)"
    printf '  "phases": { "clone": %s, "build": %s, "first_page": %s, "first_value": %s },\n' \
        "$cloned" "$build" "$page_after" "$(awk -v a="$valued" -v b="$built" 'BEGIN { printf "%.3f", a - b }')"
    printf '  "page_bytes": %s\n}\n' "$(stat -c %s "$work/page.html")"
} >"$results/clean-clone.json"
say "bench: written to $results/clean-clone.json"
