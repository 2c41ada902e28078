# pairs of kind and value, then `run` and a command for ranks, or nothing: what this host has, a fact a line.
# Kinds: work_dir (first; empty for this user's default), advice (what can make no run fail), host_ip, ifname, secrets,
# path (directories before PATH), source, shared (one that is written on several hosts), there, node, port, free (a port
# that would do for the scheduler), lock_root, lock, driver; ends, each, deep: volumes that are compared; npu_smi, map,
# remap, hccn_tool, hccn_conf, npu, pings, deep_pings. What takes time goes on beside the rest; what the shell can do
# itself starts no program.

nearest() { # path: itself, or the first directory above it that is there
    above=$1
    while [ ! -e "$above" ] && [ ! -L "$above" ]; do above=${above%/*} && [ -n "$above" ] || above=/; done
    printf '%s\n' "$above"
}
probe() { # directory: nothing where something can be made in it, else what the host says of that
    trial=$1/.launcher-check-$$
    mkdir "$trial" 2>&1 && rmdir "$trial" 2>&1
}
room() { # limit, usage and statistics of a cgroup: what it may still use, caches let go
    { read -r limit <"$1" && read -r usage <"$2"; } 2>/dev/null || return 0
    case $limit in '' | *[!0-9]*) return 0 ;; esac
    cached=0
    while read -r name number; do
        case $name in inactive_file | total_inactive_file) cached=$number ;; esac
    done 2>/dev/null <"$3"
    fact memory "$((limit - usage + cached))"
}
memory() { # every limit that holds for this process, in bytes
    while read -r name number unit; do
        [ "$name" = MemAvailable: ] || continue
        fact memory "$((number * 1024))"
        break
    done </proc/meminfo
    group=''
    while read -r line; do
        case $line in 0::*) group=${line#0::} ;; esac
    done </proc/self/cgroup
    while :; do
        at=/sys/fs/cgroup${group%/}
        room "$at/memory.max" "$at/memory.current" "$at/memory.stat"
        [ -n "${group%/}" ] || break
        group=${group%/*}
    done
    at=/sys/fs/cgroup/memory
    room "$at/memory.limit_in_bytes" "$at/memory.usage_in_bytes" "$at/memory.stat"
}
state_of() { # path: its state, as `state`
    if [ ! -e "$1" ]; then
        state=missing && [ -w "$(nearest "$1")" ] || state=unmakeable
    elif [ ! -r "$1" ]; then
        state=unreadable
    elif [ ! -w "$1" ]; then
        state=read-only
    else
        state=writable
    fi
}
startups() { # from how many log-ins at once on sshd refuses some: its title says it, else it tells root
    shown=$(grep -hsao '^sshd: .*\[listener\] [0-9]* of [0-9]*-' /proc/[0-9]*/cmdline)
    shown=${shown%%-"$newline"*} shown=${shown%-}
    [ -n "$shown" ] || shown=$(PATH=$PATH:/usr/sbin sshd -T 2>/dev/null | sed -n 's/^maxstartups \([0-9]*\).*/\1/p')
    printf '%s\n' "${shown##* }"
}
listening() { # ports…: of each on which something listens, the port and the inode of its socket
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v ports=" $* " '
        function number(hex,  i, n) {
            for (i = 1; i <= 4; i++) n = n * 16 + index("0123456789ABCDEF", substr(hex, i, 1)) - 1
            return n
        }
        $4 == "0A" { split($2, at, ":"); port = number(at[2]); if (index(ports, " " port " ")) print port, $10 }'
}
opened() { # what links of open files say…: each with the process that has it open, as far as we may look
    ls -ln /proc/[0-9]*/fd 2>/dev/null | awk -v wanted=" $* " '
        /^\/proc\/[0-9]+\/fd:$/ { split($0, at, "/"); pid = at[3]; next }
        index(wanted, " " $NF " ") && !seen[$NF, pid]++ { print $NF, pid }'
}
who_uses() { # device nodes, ports: a fact for each that is open, listened on, and by whom
    sockets='' targets=''
    if [ -n "$2" ] && sockets=$(listening $2) && [ -n "$sockets" ]; then
        targets=$(printf '%s\n' "$sockets" | sed 's/.* \(.*\)/socket:[\1]/')
    fi
    [ -n "$1$targets" ] && found=$(opened $1 $targets) || return 0
    [ -z "$found" ] || printf '%s\n' "$found" | while read -r target pid; do
        case $target in /*) fact open "$target $pid $(cat "/proc/$pid/comm" 2>/dev/null)" ;; esac
    done
    [ -z "$sockets" ] || printf '%s\n' "$sockets" | while read -r port inode; do
        pid=$(printf '%s\n' "$found" | sed -n "s/^socket:\[$inode\] //p" | head -n 1)
        fact listener "$port $pid${pid:+ $(cat "/proc/$pid/comm" 2>/dev/null)}"
    done
}
free_port() { # ports…: whether nothing is bound to one of them; where all are taken, by whom
    words=$(first_free "$@" 2>&1 >/dev/null) && return 0
    fact no_port "$words"
    who_uses '' "$*"
}
held() { # directory of locks, locks…: of those that a run could not take; `left` are what another user's run has left
    root=$1 && shift
    for name; do
        [ -d "$root/$name" ] || continue
        if is_stale "$root/$name"; then
            [ "$uid" != 0 ] && [ ! -O "$root/$name" ] || continue
            fact left "$root/$name"
        fi
        fact lock "$name $(cat "$root/$name/run" 2>/dev/null || echo unknown) $(
            cat "$root/$name/since" 2>/dev/null || echo 0) $(cat "$root/$name/owner" 2>/dev/null || echo unknown)"
    done
}
work_dir() { # path or nothing
    work_dir=${1:-/var/tmp/launcher-$uid}
    place=$(nearest "$work_dir")
    fact work_dir "$work_dir"
    fact refusal "$(probe "$place")"
    set -- $(stat -f -c '%a %S %T' "$place" 2>/dev/null)
    fact disk "$((${1:-0} * ${2:-0}))"
    [ "$#" -lt 3 ] || shift 2
    fact file_system "$*"
}
identity() { # who we are, and as what SELinux sees us
    user='' context=''
    set -- $(id)
    uid=${1#uid=}
    case $uid in *'('*) user=${uid#*'('} && user=${user%')'} ;; esac
    uid=${uid%%'('*}
    for word; do
        case $word in context=*) context=${word#context=} ;; esac
    done
}
machine() {
    fact cores "$(unset OMP_NUM_THREADS OMP_THREAD_LIMIT && nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)"
    ! command -v setsid >/dev/null || fact setsid yes
    fact uid "$uid"
    fact user "$user"
    memory
}
advice() { # what can make no run fail
    fact machine "$(uname -m)"
    fact startups "$(startups)"
    fact selinux_context "$context"
    [ -z "$context" ] || fact selinux "$(getenforce 2>/dev/null)"
}
ports_of_kernel() { # those that it gives to connections, and those that it keeps back
    # by a program: such files give a shell, which reads letter by letter, only the first one
    set -- $(cd /proc/sys/net/ipv4 && cat ip_local_port_range ip_local_reserved_ports 2>/dev/null)
    fact ephemeral "$1 $2"
    fact reserved "${3:-}"
}
version_of() { # version file of the driver
    while IFS='=' read -r name value; do
        [ "$name" = Version ] || continue
        fact driver "$value"
        break
    done 2>/dev/null <"$1"
}
has_address() { # host_ip: what it has instead where that is none of its addresses; nothing where `ip` is not there
    there=$(ip -o addr show to "$1" 2>/dev/null) || return 0
    [ -n "$there" ] || fact other_addresses "$(ip -o addr show up scope global |
        awk '{ printf "%s%s %s", sep, $2, $4; sep = ", " }')"
}
interfaces() {
    names=''
    for each in /sys/class/net/*; do names="$names ${each##*/}"; done
    fact interfaces "$names"
}
source_of() { # path, whether it is asked where it lies
    state_of "$1"
    inode='' file_system=''
    if [ "$2" = shared ]; then
        inode=$(stat -L -c %i "$1" 2>/dev/null)
        file_system=$(stat -f -L -c %T "$1" 2>/dev/null)
    fi
    fact source "$state ${inode:--} $file_system"
}
ask() { # kind, value
    case $1 in
        work_dir) work_dir "$2" ;;
        host_ip) has_address "$2" ;;
        ifname) interfaces ;;
        secrets) fact shm "$(probe /dev/shm)" ;;
        path) path=$2 ;;
        advice) advice ;;
        source | shared) source_of "$2" "$1" ;;
        there) [ -e "$2" ] || fact lacking "$2" ;;
        node) nodes="$nodes $2" ;;
        port) ports="$ports $2" ;;
        free) free_ports="$free_ports $2" ;;
        lock_root) lock_root=$2 ;;
        lock) locks="$locks $2" ;;
        driver) version_of "$2" ;;
        ends | each | deep)
            trees=$((trees + 1))
            tree "$trees" "$2" "$1" &
            ;;
        *) ask_npu "$@" ;;
    esac
}

path='' nodes='' ports='' free_ports='' lock_root='' locks='' trees=0
identity
while [ "$#" -gt 0 ] && [ "$1" != run ]; do
    ask "$1" "$2"
    shift 2
done
machine
[ -z "$nodes" ] || stat -L -c 'node %g %a %n' $nodes 2>/dev/null
[ -z "$ports" ] || ports_of_kernel
who_uses "$nodes" "$ports"
[ -z "$free_ports" ] || free_port $free_ports
[ -z "$locks" ] || held "$lock_root" $locks
wait
[ "$#" -gt 0 ] && shift || exit 0
cd / || exit 1 # a Python looks into the current directory
set -- env -i HOME="${HOME:-/}" PATH="${path:+$path:}$PATH" LANG=C.UTF-8 "$@"
if answer=$("$@" 2>/dev/null); then
    fact python "$answer"
else
    fact no_python "$("$@" 2>&1)"
fi
