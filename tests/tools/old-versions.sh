#!/bin/bash
# An older agent against this controller, and this agent against an older controller: both are built, let to work, killed
# and started again, and their accounts compared. Takes minutes of building, so no test calls it; what it proved is kept
# alive by the story `delivery::versions` with recorded bytes.
#
#   tests/tools/old-versions.sh [COMMIT]
#
# WASL_OLD_BIN_DIR names a folder with the older programs if they are built already.
set -euo pipefail
cd "$(dirname "$0")/../.."
commit=${1:-08c925b}
work=$(mktemp -d)
pids=()
tidy() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    git worktree remove --force "$work/old" 2>/dev/null || true
    rm -rf "$work"
}
trap tidy EXIT

new=${WASL_BIN_DIR:-$PWD/target/debug}
old=${WASL_OLD_BIN_DIR:-}
if [ -z "$old" ]; then
    git worktree add -q --detach "$work/old" "$commit"
    (cd "$work/old" && CARGO_TARGET_DIR="$work/target" cargo build -q --locked -p wasl -p wasl-agent)
    old=$work/target/debug
fi
[ -n "${WASL_BIN_DIR:-}" ] || cargo build -q -p wasl -p wasl-agent

configuration() {
    cat <<'YAML'
institution: { id: versions, name: { en: Versions }, timezone: Asia/Hebron }
defaults: { host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 800ms }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
targets: { self: { address: 127.0.0.1, from: [branch-1] } }
YAML
}

# serve NAME PROGRAMS: starts the controller; its pid is in $controller.
serve() {
    "$2/wasl" serve --config "$1/config" --state "$1/controller" --http "$http" --agents "$agents" >>"$1/controller.log" 2>&1 &
    controller=$!
    pids+=("$controller")
    for _ in $(seq 100); do
        curl -fsS "http://$http/healthz" >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -5 "$1/controller.log"
    exit 1
}

observe() {
    "$2/wasl-agent" run --state "$1/agent" >>"$1/agent.log" 2>&1 &
    agent=$!
    pids+=("$agent")
}

end() { # SIGNAL PID
    kill "-$1" "$2"
    wait "$2" 2>/dev/null || true
}

# A pair of CONTROLLER and AGENT programs: work, two kills, work, an end in good order, and the accounts.
story() {
    local dir=$work/$1 port
    mkdir -p "$dir/config"
    configuration >"$dir/config/wasl.yaml"
    port=$((20000 + RANDOM % 20000))
    http=127.0.0.1:$port agents=127.0.0.1:$((port + 1))
    serve "$dir" "$2"
    "$2/wasl" token create --site one --role gateway --name branch-1 --state "$dir/controller" >"$dir/token"
    chmod 600 "$dir/token"
    "$3/wasl-agent" join --controller "$agents" --token "$dir/token" --state "$dir/agent" >/dev/null
    observe "$dir" "$3"
    sleep 4
    end KILL "$controller"
    sleep 3
    serve "$dir" "$2"
    sleep 5
    end KILL "$agent"
    observe "$dir" "$3"
    sleep 6
    end TERM "$agent"
    "$3/wasl-agent" spool --json --state "$dir/agent" >"$dir/own.json"
    curl -fsS "http://$http/api/v1/accounting" >"$dir/theirs.json"
    end TERM "$controller"
    echo "== $1"
    python3 - "$dir/own.json" "$dir/theirs.json" <<'PYTHON'
import json, sys
own, theirs = (json.load(open(name)) for name in sys.argv[1:])
own, theirs = own["items"][0], theirs[0]
print("agent:     ", {k: own[k] for k in ("epoch", "produced", "acknowledged", "pending", "dropped")})
print("controller:", theirs)
assert own["epoch"] == theirs["epoch"]
assert own["pending"] == 0 and own["produced"] == theirs["stored"] == theirs["last_seq"] > 10
assert not any(own["dropped"].values()) and not theirs["dropped"]
PYTHON
    grep -hE 'WARN|ERROR' "$dir/agent.log" "$dir/controller.log" | sed -E 's/^[^ ]+ +//' | sort | uniq -c || true
}

story old-agent-new-controller "$new" "$old"
story new-agent-old-controller "$old" "$new"
echo "both agree"
