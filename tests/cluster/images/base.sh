#!/bin/sh
# An image's root file system, made of this machine's own Debian packages (the essential ones, Python 3.11, OpenMP) and
# written to standard output as a tar. Takes seconds and no network; packages as they are after unpacking, so what their
# scripts would make is made here.
#   base.sh packages    names and versions of those packages
#   base.sh tar
set -eu
export LC_ALL=C

versions() { # of what these packages need and is installed: name, version, architecture
    essential=$(dpkg-query -W -f '${Essential} ${Package}\n' | sed -n 's/^yes //p')
    # shellcheck disable=SC2046,SC2086 # words
    dpkg-query -W -f '${db:Status-Abbrev}${Package} ${Version} ${Architecture}\n' $(
        apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
            --no-enhances $essential mawk libgomp1 libstdc++6 ca-certificates python3.11 python3.11-venv | grep '^[a-z0-9]'
    ) 2>/dev/null | sed -n 's/^ii *//p' | sort -u
}
files() { # paths without their first slash, none through a link in / as /bin is
    # shellcheck disable=SC2046
    {
        dpkg -L $(versions | cut -d' ' -f1) | grep '^/.' | grep -Ev '^/usr/share/(doc|man|locale|info|lintian)/'
        find /usr/lib/python3.11 -path '*/__pycache__*' # made by the packages' scripts
    } | sed -E 's,^/(bin|sbin|lib|lib64)/,/usr/\1/,; s,^/,,' | sort -u | while read -r path; do
        [ ! -e "/$path" ] && [ ! -L "/$path" ] || printf '%s\n' "$path"
    done
}
finish() { # root
    ln -sf mawk "$1/usr/bin/awk"
    ln -sf python3.11 "$1/usr/bin/python3"
    cp /usr/share/base-passwd/passwd.master "$1/etc/passwd"
    cp /usr/share/base-passwd/group.master "$1/etc/group"
    cp /usr/share/libc-bin/nsswitch.conf "$1/etc/nsswitch.conf"
    mkdir -p "$1/etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/" # with the machine's own authorities
    ldconfig -r "$1"
}

case $1 in
    packages) versions ;;
    tar)
        root=$(mktemp -d) && trap 'rm -rf "$root"' EXIT
        files | tar -C / -cf - --no-recursion -T - | tar -C "$root" -xpf -
        finish "$root"
        tar -C "$root" -cf - .
        ;;
esac
