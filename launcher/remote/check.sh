# work directory or nothing for this user's default, yes or no for secrets, directories before PATH or nothing,
# number of volumes, their paths…, number of other paths, these…, then a command to run as ranks are run: what this host has, a fact a line
work_dir=${1:-/var/tmp/launcher-$(id -u)} secrets=$2 first=$3 count=$4 && shift 4

fact() { # name, words: on one line
    printf '%s %s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')"
}
nearest() { # path: itself, or the first directory above it that is there
    above=$1
    while [ ! -e "$above" ] && [ ! -L "$above" ]; do above=${above%/*} && [ -n "$above" ] || above=/; done
    printf '%s\n' "$above"
}
probe() { # directory: nothing where something can be made in it, else what the host says of that
    trial=$1/.launcher-check-$$
    mkdir "$trial" 2>&1 && rmdir "$trial" 2>&1
}
free() { # path: bytes, the column before the one in percent: names of devices may hold spaces
    df -Pk "$1" 2>/dev/null |
        awk 'NR == 2 { for (i = NF; i > 1; i--) if ($i ~ /^[0-9]+%$/) { printf "%.0f", $(i - 1) * 1024; exit } }'
}
room() { # limit, usage and statistics of a cgroup: what it may still use, caches let go
    { read -r limit <"$1" && read -r usage <"$2"; } 2>/dev/null || return 0
    case $limit in '' | *[!0-9]*) return 0 ;; esac
    cached=$(sed -n 's/^\(total_\)\{0,1\}inactive_file //p' "$3" | tail -n 1)
    fact memory "$((limit - usage + ${cached:-0}))"
}
memory() { # every limit that holds for this process, in bytes
    while read -r name number unit; do
        [ "$name" != MemAvailable: ] || fact memory "$((number * 1024))"
    done </proc/meminfo
    group=$(sed -n 's/^0:://p' /proc/self/cgroup)
    while :; do
        at=/sys/fs/cgroup${group%/}
        room "$at/memory.max" "$at/memory.current" "$at/memory.stat"
        [ -n "${group%/}" ] || break
        group=${group%/*}
    done
    at=/sys/fs/cgroup/memory
    room "$at/memory.limit_in_bytes" "$at/memory.usage_in_bytes" "$at/memory.stat"
}
state_of() { # path
    if [ ! -e "$1" ]; then
        [ -w "$(nearest "$1")" ] && echo missing || echo unmakeable
    elif [ ! -r "$1" ]; then
        echo unreadable
    elif [ ! -w "$1" ]; then
        echo read-only
    else
        echo writable
    fi
}

place=$(nearest "$work_dir")
fact work_dir "$work_dir"
fact refusal "$(probe "$place")"
fact file_system "$(stat -f -c %T "$place" 2>/dev/null)"
fact disk "$(free "$place")"
fact cores "$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
fact setsid "$(command -v setsid)"
[ "$secrets" = no ] || fact shm "$(probe /dev/shm)"
memory
while [ "$count" -gt 0 ]; do
    fact source "$(state_of "$1")"
    shift && count=$((count - 1))
done
count=$1 && shift
while [ "$count" -gt 0 ]; do
    [ -e "$1" ] || fact lacking "$1"
    shift && count=$((count - 1))
done
[ "$#" -gt 0 ] || exit 0
cd / || exit 1 # a Python looks into the current directory
set -- env -i HOME="${HOME:-/}" PATH="${first:+$first:}$PATH" LANG=C.UTF-8 "$@"
if answer=$("$@" 2>/dev/null); then
    fact python "$answer"
else
    fact no_python "$("$@" 2>&1)"
fi
