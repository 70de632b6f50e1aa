#!/usr/bin/env bash
# The units are sound, and `systemd-analyze security` finds them hardened: at most 3.0 for each, 5.0 for the helper.
set -euo pipefail
cd "$(dirname "$0")/systemd"

if ! command -v systemd-analyze >/dev/null; then
    echo "SKIP units: systemd-analyze is not installed"
    exit 0
fi
faults=0
# The programs need not be installed where the units are checked.
words=$(systemd-analyze verify --man=no ./*.service ./*.socket 2>&1 | grep -v 'is not executable: No such file' || true)
if [ -n "$words" ]; then
    printf '%s\n' "$words"
    faults=1
fi
for unit in *.service; do
    limit=30
    [ "$unit" != wasl-helper.service ] || limit=50
    words=$(systemd-analyze security --offline=true --no-pager "$unit" | tail -1)
    score=$(grep -oE '[0-9]+\.[0-9]' <<<"$words" | tr -d .)
    if [ "${score#0}" -gt "$limit" ]; then
        echo "$unit: exposure $((score / 10)).$((score % 10)) is above $((limit / 10)).$((limit % 10)); \`systemd-analyze security --offline=true\` names the reasons"
        faults=1
    else
        echo "$unit: exposure ${words#*: }"
    fi
done
exit "$faults"
