# Faults that a host can have, beside power and network cuts.

filter() { # host, words of iptables, in its network namespace: that is there when the host is off, too
    local space=/run/netns/$TB_PREFIX-h$1 && shift
    nsenter --net="$space" iptables -w "$@"
}
drop() { # host, percent
    filter "$1" -A INPUT -i eth0 -m statistic --mode random --probability "$(awk "BEGIN { print $2 / 100 }")" -j DROP
}
slow() { # host, rate
    tc qdisc replace dev "$TB_PREFIX-v$1" root tbf rate "$2" burst 16kb latency 400ms
}
clear() { # host
    filter "$1" -F INPUT
    tc qdisc del dev "$TB_PREFIX-v$1" root 2>/dev/null || true
}
fill() { # host, size
    enter "$1" mount -t tmpfs -o "mode=1777,size=$2" tmpfs /var/tmp
}
empty() { # host
    ! enter "$1" findmnt -n -t tmpfs /var/tmp >/dev/null || enter "$1" umount -l /var/tmp
}
docker_stop() { # host, signal
    local pid
    pid=$(enter "$1" cat /run/docker.pid) && enter "$1" kill -s "${2:-TERM}" "$pid" && until_true 400 is_gone "$1" "$pid"
}
is_gone() { [ ! -d "$(root_of "$1")/proc/$2" ]; }
docker_start() { # host; its processes hang with it when it is frozen
    ! has_docker "$1" || return 0
    (
        echo $BASHPID >"$(freezer "$1")/cgroup.procs"
        enter "$1" setsid -f testbed-engine
    )
    until_true 600 has_docker "$1"
}
rekey() { # host
    rm -f "$TB_DIR/h$1/otherkey"{,.pub}
    ssh-keygen -q -t ed25519 -N '' -C "other-h$1" -f "$TB_DIR/h$1/otherkey" && show_key "$1" otherkey
}
unrekey() { # host
    show_key "$1" hostkey
}
show_key() { # host, file
    cmp -s "$TB_DIR/h$1/$2" "$(root_of "$1")/etc/ssh/testbed_key" && return 0
    cat "$TB_DIR/h$1/$2" >"$(root_of "$1")/etc/ssh/testbed_key"
    enter "$1" sh -c 'kill -HUP "$(cat /run/sshd.pid)"' && until_true 100 has_key "$1" "$2"
}
has_key() { ssh-keyscan -t ed25519 "$(ip_of "$1")" | grep -qF "$(cut -d' ' -f2 "$TB_DIR/h$1/$2.pub")"; }

mend_host() { # host
    thaw_quietly "$1"
    ip link set "$TB_PREFIX-v$1" up && clear "$1" || return 1
    if is_on "$1"; then empty "$1" && docker_start "$1" && unrekey "$1"; else power_on "$1"; fi || return 1
    wait_until_up "$1" && npus_again "$1" && enter "$1" sh -c "$LEFTOVERS"
}
npus_again() { # host: as many fake NPUs as at power on, without faults
    enter "$1" sh -c '
        rm -rf /etc/fake-npu
        for node in /dev/davinci[0-9]*; do [ "${node#/dev/davinci}" -lt "$1" ] || rm -f "$node"; done
        for n in $(seq 0 $(($1 - 1))); do
            [ -e "/dev/davinci$n" ] || { mknod -m 660 "/dev/davinci$n" c 1 3 && chgrp 1000 "/dev/davinci$n"; }
        done' sh "$TB_NPU"
}
LEFTOVERS='
docker ps --all --quiet --filter label=launcher.run | xargs -r docker rm --force >/dev/null
grep -lsz "^LAUNCHER_RUN=" /proc/[0-9]*/environ | cut -d/ -f3 | xargs -r kill -KILL 2>/dev/null
rm -rf /var/tmp/launcher-* /dev/shm/launcher-*
'
