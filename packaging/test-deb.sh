#!/usr/bin/env bash
# The life of the packages in a clean Debian 12: install, start, join, upgrade with the state kept, remove, purge
# with nothing left. Needs root and debootstrap; the clean root is kept in target/deb-root for the next time.
#
#   DEBS       where the packages lie                              (target/deb)
#   NEW_DEBS   where those of a higher version lie                 (target/deb-next)
#   MIRROR     where debootstrap gets a clean Debian from          (http://deb.debian.org/debian)
set -euo pipefail
cd "$(dirname "$0")/.."

debs=${DEBS:-target/deb} newer=${NEW_DEBS:-target/deb-next} base=target/deb-root/bookworm
names=(wasl wasl-agent wasl-lab-agent wasl-helper)

if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "SKIP packages: a clean root needs root"; exit 0; }
    command -v debootstrap >/dev/null || { echo "SKIP packages: debootstrap is not installed"; exit 0; }
    if [ ! -d "$base" ]; then
        echo "== a clean Debian 12 is fetched once"
        rm -rf "$base.new"
        mkdir -p "$(dirname "$base")"
        debootstrap --variant=minbase --include=systemd-standalone-sysusers,systemd-standalone-tmpfiles \
            bookworm "$base.new" "${MIRROR:-http://deb.debian.org/debian}" >target/deb-root.log 2>&1 \
            || { tail -5 target/deb-root.log; exit 1; }
        rm -f "$base.new"/var/cache/apt/archives/*.deb
        mv "$base.new" "$base"
    fi
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp -a "$base" "$work/root"
    # Mounts, processes and a network of its own: all of them end with it, however it ends.
    unshare --mount --pid --net --fork --kill-child "$0" inside "$work"
    exit
fi

work=$2 root=$2/root
mount -t proc proc /proc
mount -t proc proc "$root/proc"
ip link set lo up
mkdir "$root/debs" "$root/newer" "$work/before"
cp "$debs"/*.deb "$root/debs/"
cp "$newer"/*.deb "$root/newer/"

# Without a word of the host's environment.
enter=(env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot)
do_in() { "${enter[@]}" "$root" "$@"; }
# `become USER` makes `user` what `enter` needs for that user and all of its groups.
become() { user=(--userspec="$1:$1" --groups="$(do_in id -G "$1" | tr ' ' ,)"); }
as() { local user; become "$1"; shift; "${enter[@]}" "${user[@]}" "$root" "$@"; }
# Starts a daemon as a user, with a log; its number is in `pid`. Not through `as`: a signal must reach the daemon.
daemon() { local user name=$2; become "$1"; shift; "${enter[@]}" "${user[@]}" "$root" "$@" >>"$work/$name.log" 2>&1 & pid=$!; }
step() { echo "== $*"; }
die() {
    echo "FAILED: $*" >&2
    tail -n 20 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}
check() { local what=$1; shift; "$@" >/dev/null 2>>"$work/check.log" || die "$what"; }
refuse() { local what=$1; shift; if "$@" >/dev/null 2>&1; then die "$what"; fi; }
same() { [ "$2" = "$3" ] || die "$1: \`$2\` instead of \`$3\`"; }
until_true() {
    local what=$1 n; shift
    for n in $(seq 150); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done
    die "waited 30 s in vain: $what"
}
files() {
    (cd "$root" && find etc usr var opt home root srv run tmp -mindepth 1 \
        \( -path var/lib/dpkg -o -path var/log -o -path var/cache \) -prune -o -print) \
        | grep -vE '^etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^etc/\.pwd\.lock$' | sort
}
users() { do_in cat /etc/passwd /etc/group | grep -c wasl || true; }
version() { dpkg-deb -f "$(ls "$1/$2"_*.deb)" Version; }

files >"$work/before/files"
same "users before" "$(users)" 0

step "install"
do_in sh -c 'dpkg -i /debs/*.deb' >"$work/install.log" 2>&1 || die "dpkg -i"
for name in "${names[@]}"; do
    same "$name --version" "$(do_in "$name" --version)" "$name $(version "$debs" "$name" | sed 's/[+~-].*//')"
    check "$name has a manual" test -s "$root/usr/share/man/man1/$name.1.gz"
    check "$name has completions" do_in bash -n "/usr/share/bash-completion/completions/$name"
    check "$name's unit is there" test -s "$root/usr/lib/systemd/system/$name.service"
done
same "the controller's state" "$(do_in stat -c '%U:%G %a' /var/lib/wasl)" "wasl-controller:wasl-controller 700"
same "the agent's state" "$(do_in stat -c '%U:%G %a' /var/lib/wasl-agent)" "wasl-agent:wasl-agent 700"
same "who reaches the helper" "$(do_in getent group wasl | cut -d: -f4 | tr , '\n' | sort | tr '\n' ' ')" "wasl-agent wasl-lab-agent "
check "the controller is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/wasl.service"
check "the helper's socket is enabled" test -L "$root/etc/systemd/system/sockets.target.wants/wasl-helper.socket"
check "the shipped configuration is sound" do_in wasl check --config /etc/wasl
check "the shipped policy is sound" do_in wasl-helper check
refuse "an agent that has not joined runs" as wasl-agent wasl-agent run --state /var/lib/wasl-agent
refuse "the installation has left something running" pgrep -x 'wasl.*'

start_controller() {
    daemon wasl-controller wasl serve --config /etc/wasl --state /var/lib/wasl --http 127.0.0.1:18080 --agents 127.0.0.1:18443
    controller=$pid
    until_true "the controller answers" do_in wasl status --state /var/lib/wasl --json
}
start_agents() {
    daemon wasl-agent wasl-agent run
    agent=$pid
    daemon wasl-lab-agent wasl-lab-agent run
    lab=$pid
    until_true "the agents have sessions" connected this-machine seat-1
}
connected() {
    local name all
    all=$(do_in wasl agents --state /var/lib/wasl --json | tr -d ' \n')
    for name in "$@"; do
        # Each agent's object in a line of its own.
        sed 's/},{/},\n{/g' <<<"$all" | grep "\"id\":\"$name\"" | grep -q '"connected":true' || return 1
    done
}
stop() { kill -TERM "$@" && for pid in "$@"; do wait "$pid" || die "a daemon did not end in good order"; done; }
join() {
    local program=$1 role=$2 name=$3
    as wasl-controller wasl token create --state /var/lib/wasl --site here --role "$role" --name "$name" \
        | as "$program" "$program" join --controller 127.0.0.1:18443 --token - >>"$work/join.log" 2>&1 || die "$program could not join"
}

step "start, join, work"
start_controller
join wasl-agent server this-machine
join wasl-lab-agent lab seat-1
start_agents
produces() { [ "$(as "$1" "$1" spool --json | tr -d ' \n' | grep -o '"produced":[0-9]*' | cut -d: -f2)" -gt 0 ]; }
until_true "the agent produces something" produces wasl-agent
until_true "the lab agent produces something" produces wasl-lab-agent
check "doctor finds the agent well" as wasl-lab-agent wasl-lab-agent doctor

step "the root helper answers the agents and nobody else"
daemon root wasl-helper run
helper=$pid
until_true "the helper listens" test -S "$root/run/wasl/helper.sock"
same "the helper's socket" "$(do_in stat -c '%U:%G %a' /run/wasl/helper.sock)" "root:wasl 660"
for user in wasl-agent wasl-lab-agent; do check "$user may ask" as "$user" wasl-helper ask version; done
check "the agent lets itself ping" as wasl-agent wasl-helper ask ping-group-range
same "the range of groups" "$(do_in cat /proc/sys/net/ipv4/ping_group_range | tr '\t' ' ')" "$(do_in id -g wasl-agent) $(do_in id -g wasl-agent)"
refuse "the agent may reload what is not allowed" as wasl-agent wasl-helper ask service-reload ssh.service
refuse "the agent may end the machine's run" as wasl-agent wasl-helper ask power off
refuse "the controller may ask" as wasl-controller wasl-helper ask version
refuse "root may ask" do_in wasl-helper ask version
stop "$helper"

step "upgrade"
echo '# a note of the administrator' >>"$root/etc/default/wasl"
printf 'power reboot\n' >>"$root/etc/wasl/helper.conf"
identity=$(do_in sha256sum /var/lib/wasl-agent/identity.pem /var/lib/wasl-lab-agent/identity.pem /var/lib/wasl/ca.pem)
# Without systemd nobody starts the daemons again, so this does.
stop "$lab" "$agent" "$controller"
do_in sh -c 'dpkg -i /newer/*.deb' >"$work/upgrade.log" 2>&1 || die "dpkg -i of the higher version"
for name in "${names[@]}"; do
    same "$name's version" "$(do_in dpkg-query -W -f '${Version}' "$name")" "$(version "$newer" "$name")"
done
check "the administrator's note is kept" grep -q 'a note of the administrator' "$root/etc/default/wasl"
check "the administrator's policy is kept" grep -q '^power reboot' "$root/etc/wasl/helper.conf"
same "identities" "$(do_in sha256sum /var/lib/wasl-agent/identity.pem /var/lib/wasl-lab-agent/identity.pem /var/lib/wasl/ca.pem)" "$identity"
start_controller
start_agents
stop "$lab" "$agent" "$controller"

step "remove"
do_in dpkg --remove "${names[@]}" >"$work/remove.log" 2>&1 || die "dpkg --remove"
for name in "${names[@]}"; do check "$name is gone" test ! -e "$root/usr/bin/$name"; done
check "the state is kept" test -s "$root/var/lib/wasl/store.sqlite" -a -s "$root/var/lib/wasl-agent/identity.pem"
check "the configuration is kept" test -s "$root/etc/wasl/wasl.yaml" -a -s "$root/etc/default/wasl"

step "install again, with the state that was kept"
do_in sh -c 'dpkg -i /newer/*.deb' >"$work/again.log" 2>&1 || die "dpkg -i after a removal"
start_controller
start_agents
stop "$lab" "$agent" "$controller"

step "purge"
do_in dpkg --purge "${names[@]}" >"$work/purge.log" 2>&1 || die "dpkg --purge"
rm -r "$root/debs" "$root/newer"
files >"$work/after"
left=$(diff "$work/before/files" "$work/after") || die "after the purge this differs: $left"
same "users after" "$(users)" 0
same "packages after" "$(do_in dpkg -l | grep -c wasl || true)" 0
echo "The packages install, work, are upgraded, removed and purged without a trace."
