#!/usr/bin/env bash
# Makes the .deb packages of the programs in BIN_DIR, in OUT.
#
#   BIN_DIR   where wasl, wasl-agent, wasl-lab-agent and wasl-helper lie     (target/release)
#   MANUAL    where wasl-manual has written the man pages and completions    (target/manual)
#   ARCH      Debian's name of the programs' architecture                    (this machine's)
#   VERSION   another version than Cargo.toml's, for tests of an upgrade
#   OUT       where the packages go                                          (target/deb)
#   MAINTAINER  who answers for the packages; an institution that builds its own puts its address here
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${BIN_DIR:-target/release} manual=${MANUAL:-target/manual} out=${OUT:-target/deb}
arch=${ARCH:-$(dpkg --print-architecture)}
version=${VERSION:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
maintainer=${MAINTAINER:-Wasl maintainers <wasl@example.org>}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
case $arch in
    amd64) strip=strip ;;
    arm64) strip=aarch64-linux-gnu-strip ;;
    *) echo "build-deb: no tool is known that strips programs for $arch" >&2; exit 1 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
umask 022

# What a program needs of the C library: nothing if it is static, else the newest version that it names.
libraries() {
    readelf -d "$1" | grep -q NEEDED || return 0
    local newest
    newest=$(readelf -VW "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -1)
    printf 'libc6 (>= %s), libgcc-s1 (>= 4.2), ' "$newest"
}

# The licences of what a program is built from, with their texts; the licences ask for that. What a package brings
# with it of others (a library in C) has its own, one folder down.
third_party() {
    echo "This program is built from these packages of https://crates.io:"
    echo
    cargo tree --locked --offline -p "$1" -e normal --prefix none --format '{p}|{l}' \
        | grep -v '(/' | sed 's/ (proc-macro)//; s/ (\*)//' | sort -u >"$work/crates"
    sed 's/|/  /' "$work/crates"
    local name rest file sum
    declare -A seen=()
    while read -r name rest; do
        rest=${rest%%|*}
        for file in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/"$name-${rest#v}"/{,*/}{LICEN[CS]E,NOTICE,COPYING,COPYRIGHT}*; do
            [ -f "$file" ] || continue
            sum=$(sha256sum <"$file")
            [ -z "${seen[$sum]:-}" ] || continue
            seen[$sum]=1
            printf '\n%s\n%s, %s\n%s\n' "$(printf '=%.0s' {1..78})" "$name" "${file##*/}" "$(printf '=%.0s' {1..78})"
            cat "$file"
        done
    done <"$work/crates"
}

package() {
    local name=$1 unit=$2 user=$3 state=$4 summary=$5
    local root=$work/$name doc=$work/$name/usr/share/doc/$name service=$name.service
    install -D -m 755 "$bin/$name" "$root/usr/bin/$name"
    "$strip" --strip-unneeded -R .comment "$root/usr/bin/$name"

    install -D -m 644 "packaging/systemd/$service" "$root/usr/lib/systemd/system/$service"
    [ "$unit" = "$service" ] || install -D -m 644 "packaging/systemd/$unit" "$root/usr/lib/systemd/system/$unit"
    install -D -m 644 "packaging/sysusers/$name.conf" "$root/usr/lib/sysusers.d/$name.conf"
    [ ! -f "packaging/tmpfiles/$name.conf" ] || install -D -m 644 "packaging/tmpfiles/$name.conf" "$root/usr/lib/tmpfiles.d/$name.conf"
    [ ! -f "packaging/etc/$name.default" ] || install -D -m 644 "packaging/etc/$name.default" "$root/etc/default/$name"
    case $name in
        wasl) install -D -m 644 config/starter/wasl.yaml "$root/etc/wasl/wasl.yaml" ;;
        wasl-helper) install -D -m 644 packaging/etc/helper.conf "$root/etc/wasl/helper.conf" ;;
    esac

    install -d "$root/usr/share/man/man1"
    install -m 644 "$manual/$name"/man/*.1 "$root/usr/share/man/man1/"
    install -D -m 644 "$manual/$name/completions/$name.bash" "$root/usr/share/bash-completion/completions/$name"
    install -D -m 644 "$manual/$name/completions/_$name" "$root/usr/share/zsh/vendor-completions/_$name"
    install -D -m 644 "$manual/$name/completions/$name.fish" "$root/usr/share/fish/vendor_completions.d/$name.fish"

    install -d "$doc"
    install -m 644 packaging/debian/copyright "$doc/copyright"
    install -m 644 CHANGELOG.md "$doc/NEWS.md"
    printf '%s (%s) unstable; urgency=medium\n\n  * What is new for users stands in NEWS.md.\n\n -- %s  %s\n' \
        "$name" "$version" "$maintainer" "$(date -uRd "@$SOURCE_DATE_EPOCH")" >"$doc/changelog"
    third_party "$name" >"$doc/third-party-licences"
    gzip -9n "$doc/changelog" "$doc/NEWS.md" "$doc/third-party-licences" "$root"/usr/share/man/man1/*.1

    install -d "$root/DEBIAN"
    local script restart="'$service'" stop="'$service'"
    if [ "$unit" != "$service" ]; then
        # A socket cannot be opened anew while its service holds it.
        restart="'$unit'" stop="'$unit' '$service'"
    fi
    for script in postinst prerm postrm; do
        sed -e "s|@PACKAGE@|$name|g; s|@UNIT@|$unit|g; s|@USER@|$user|g; s|@STATE@|$state|g; s|@RESTART@|$restart|g; s|@STOP@|$stop|g" \
            "packaging/debian/$script.in" >"$root/DEBIAN/$script"
        chmod 755 "$root/DEBIAN/$script"
    done
    if [ -d "$root/etc" ]; then (cd "$root" && find etc -type f -printf '/%p\n' | sort >DEBIAN/conffiles); fi
    (cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    {
        echo "Package: $name"
        echo "Version: $version"
        echo "Architecture: $arch"
        echo "Maintainer: $maintainer"
        echo "Section: net"
        echo "Priority: optional"
        echo "Depends: $(libraries "$root/usr/bin/$name")passwd, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles"
        case $name in
            wasl) echo "Suggests: wasl-agent" ;;
            *agent) echo "Suggests: wasl-helper" ;;
            wasl-helper) echo "Suggests: nftables" ;;
        esac
        echo "Installed-Size: $(du -sk --apparent-size --exclude=DEBIAN "$root" | cut -f1)"
        echo "Description: $summary"
        cat "packaging/debian/$name.description"
    } >"$root/DEBIAN/control"
    local deb="$out/${name}_${version}_$arch.deb"
    dpkg-deb --root-owner-group -Zxz --build "$root" "$deb" >/dev/null
    echo "$deb ($(stat -c %s "$root/usr/bin/$name") bytes of program, $(stat -c %s "$deb") packed)"
}

while read -r name unit user state summary; do
    case $name in '' | '#'*) continue ;; esac
    package "$name" "$unit" "$user" "$state" "$summary"
done <packaging/debian/packages.conf
