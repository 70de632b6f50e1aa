#!/usr/bin/env bash
# Static programs for x86-64 and aarch64, in target/TRIPLE/PROFILE, which run on any Linux.
#
#   PROFILE    release (or dev, for trying this script)
#   SMALL      assignments to cargo's environment for the programs that are to be small
#   TRIPLES    which, of x86_64-unknown-linux-musl and aarch64-unknown-linux-musl (both)
#
# Needs musl-tools; for aarch64 gcc-aarch64-linux-gnu and libc6-dev-arm64-cross, and qemu-user-static to try the outcome.
set -euo pipefail
cd "$(dirname "$0")/.."

profile=${PROFILE:-release}
folder=$profile
[ "$profile" != dev ] || folder=debug

# need PROGRAM PACKAGES: what brings the program.
need() {
    command -v "$1" >/dev/null || { echo "musl: there is no $1; apt-get install $2" >&2; exit 1; }
}

# musl's headers for aarch64, out of Debian's package of that architecture. A state of apt's own keeps the
# machine's list of architectures as it is.
arm_headers() {
    local place=$PWD/target/musl-arm64
    if [ ! -d "$place/usr/include/aarch64-linux-musl" ]; then
        local apt=$place/apt
        mkdir -p "$apt"/{lists/partial,cache/archives/partial}
        printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm main\n' \
            "${MIRROR:-http://deb.debian.org/debian}" >"$apt/sources.list"
        cat >"$apt/apt.conf" <<CONF
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt/cache";
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
CONF
        APT_CONFIG=$apt/apt.conf apt-get update -qq
        (cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get download -qq musl-dev)
        dpkg-deb -x "$apt"/musl-dev_*.deb "$place"
    fi
    echo "$place/usr/include/aarch64-linux-musl"
}

for triple in ${TRIPLES:-x86_64-unknown-linux-musl aarch64-unknown-linux-musl}; do
    rustup target list --installed | grep -qx "$triple" || rustup target add "$triple"
    case $triple in
        x86_64-*)
            need musl-gcc musl-tools
            export CC_x86_64_unknown_linux_musl=musl-gcc
            ;;
        aarch64-*)
            need aarch64-linux-gnu-gcc "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
            headers=$(arm_headers)
            export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_musl=aarch64-linux-gnu-ar
            # Calls into libgcc's atomics would not be found at the end.
            export CFLAGS_aarch64_unknown_linux_musl="-mno-outline-atomics -nostdinc -isystem $headers -isystem $(aarch64-linux-gnu-gcc -print-file-name=include)"
            export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=aarch64-linux-gnu-gcc
            ;;
    esac
    for package in wasl-agent wasl-lab-agent wasl-helper wasl; do
        size=
        case $package in wasl-lab-agent | wasl-helper) size=${SMALL:-} ;; esac
        # shellcheck disable=SC2086 # words, each an assignment
        env $size cargo build --quiet --locked --profile "$profile" --target "$triple" -p "$package"
        program=target/$triple/$folder/$package
        if readelf -lW "$program" | grep -q INTERP || readelf -dW "$program" | grep -q NEEDED; then
            echo "$program is not static" >&2
            exit 1
        fi
        case $triple in
            x86_64-*) words=$("$program" --version) ;;
            *) words=$(if command -v qemu-aarch64-static >/dev/null; then qemu-aarch64-static "$program" --version; else echo "not run: qemu-user-static is not installed"; fi) ;;
        esac
        echo "$program: $(stat -c %s "$program") bytes, static; $words"
    done
done
