#!/usr/bin/env bash
# Fuzzes every target, or one, for some seconds each.
#
#   fuzz/run.sh [SECONDS [TARGET]]
#
# No nightly compiler is needed: the hooks that libFuzzer lives on are a pass of LLVM, which a stable compiler
# runs as well. (An address sanitizer would need nightly; there is no unsafe code here for it to watch.) What the
# fuzzer finds on its way goes to fuzz/target/corpus; what breaks something, to fuzz/artifacts. Put the latter
# into fuzz/corpus/TARGET when it is mended: `make test` replays that folder for ever.

set -euo pipefail
cd "$(dirname "$0")"

seconds=${1:-30}
targets=${2:-$(cd corpus && ls)}
host=$(rustc -vV | sed -n 's/^host: //p')

hooks=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)
# With a target named, build scripts and macros are built without the hooks, which they could not link.
RUSTFLAGS="${hooks[*]}" cargo build --quiet --release --locked --target "$host"
fuzz=target/$host/release/fuzz

failed=()
for target in $targets; do
    mkdir -p "target/corpus/$target" "artifacts/$target"
    echo "== $target, $seconds s"
    if ! WASL_FUZZ_TARGET=$target "$fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="artifacts/$target/" -print_final_stats=1 -verbosity=0 \
        "target/corpus/$target" "corpus/$target" >"target/$target.log" 2>&1; then
        failed+=("$target")
        tail -n 40 "target/$target.log"
    fi
    sed -n 's/^stat::\(number_of_executed_units\|new_units_added\|peak_rss_mb\)/  \1/p' "target/$target.log"
done
if ((${#failed[@]})); then
    echo "Broken: ${failed[*]}; the inputs are in fuzz/artifacts"
    exit 1
fi
