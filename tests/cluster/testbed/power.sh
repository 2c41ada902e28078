# Switching hosts on and off.

power_on() { # host
    local i=$1
    ! is_on "$i" || return 0
    cable "$i" && prepare "$i" || return 1
    rm -f "$TB_DIR/h$i/pid"
    mkdir -p "$(freezer "$i")"
    # not `ip netns exec`: it mounts /sys anew, and the engine then finds no cgroups
    setsid bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$(freezer "$i")" \
        nsenter --net="/run/netns/$TB_PREFIX-h$i" unshare --mount --uts --ipc --pid --fork --kill-child \
        env -i PATH="$PATH" TB_DIR="$TB_DIR" /bin/bash "$here/host.sh" "$i" >"$TB_DIR/h$i/host.log" 2>&1 </dev/null &
    until_true 100 is_on "$i"
}
cable() { # host: a network namespace on the bridge; no default route: a host reaches only the testbed
    local i=$1 space=$TB_PREFIX-h$1
    [ -e "/run/netns/$space" ] || ip netns add "$space" || return 1
    ip link show "$TB_PREFIX-v$i" >/dev/null 2>&1 ||
        ip link add "$TB_PREFIX-v$i" type veth peer name eth0 netns "$space" || return 1
    ip link set "$TB_PREFIX-v$i" master "$TB_PREFIX" up &&
        ip -n "$space" link set lo up && ip -n "$space" link set eth0 up &&
        ip -n "$space" addr replace "$(ip_of "$i")/24" dev eth0 &&
        ip -n "$space" addr replace "$(ip6_of "$i")/64" dev eth0 nodad
}
power_off() { # host: the kernel ends all that runs in its process namespace
    local i=$1
    thaw_quietly "$i"
    is_on "$i" || return 0
    kill -9 "$(pid_of "$i")" && until_true 400 is_off "$i"
}
is_off() { [ ! -d "/proc/$(pid_of "$1")" ]; }
thaw_quietly() { [ ! -e "$(freezer "$1")/freezer.state" ] || echo THAWED >"$(freezer "$1")/freezer.state"; }

wait_until_up() { # host
    until_true 600 answers_or_died "$1" && is_on "$1" && return 0
    echo "testbed: h$1 did not come up:" >&2
    tail -n 5 "$TB_DIR/h$1/host.log" "$TB_DIR/h$1"/upper/var/log/*d.log >&2
    return 1
}
answers_or_died() { answers "$1" || ! is_on "$1"; }
answers() { has_docker "$1" && has_ssh "$1"; }
has_ssh() { (exec 9<>"/dev/tcp/$(ip_of "$1")/22"); }
has_docker() { curl -sf --max-time 2 --unix-socket "$(root_of "$1")/run/docker.sock" http://d/_ping >/dev/null; }
