#!/bin/bash
# Many hosts on one Linux machine, for root. Each is a set of namespaces with an address, a disk, an sshd, a Docker
# engine and fake NPUs of its own.
#   testbed.sh up N | down | status            N hosts h1..hN; what runs already stays as it is
#   testbed.sh kill I | start I                power cut; power on again, the disk is kept
#   testbed.sh freeze I | thaw I               the host hangs as a whole
#   testbed.sh cut I | heal I                  network unplugged: packets vanish
#   testbed.sh drop I PERCENT | slow I RATE | clear I     packets lost on the way in; bandwidth as tc writes it (1mbit)
#   testbed.sh fill I SIZE | empty I           /var/tmp is a tmpfs of this size (256k); the disk again
#   testbed.sh docker-stop I [SIGNAL] | docker-start I
#   testbed.sh rekey I | unrekey I             another SSH host key than known_hosts has; the old one again
#   testbed.sh mend                            all hosts on and without faults, nothing of any run of the launcher on them
#   testbed.sh exec I COMMAND...
# Settings come from the environment at the first `up` and are kept in the directory:
#   TB_DIR      state: a directory of a real file system, no overlay; needed by every command
#   TB_PREFIX   names interfaces, network namespaces and cgroups, chooses the addresses (default ltb, at most 8 letters)
#   TB_NET      first three numbers of the addresses (default 10.99.x, x from the prefix); IPv6 fd00:10:99:x::11 is h1, too
#   TB_GOLDEN   data root of a Docker engine whose images every host has (default: none)
#   TB_NPU      fake NPUs of a host (default 8)
#   TB_SSHD     more lines for sshd_config, e.g. "MaxSessions 2"
set -u
here=$(dirname "$(readlink -f "$0")")
. "$here/common.sh"
. "$here/files.sh"
. "$here/power.sh"
. "$here/faults.sh"

MOST=32 # hosts that each host knows by name

network() { # the bridge that all hosts hang on
    ip link show "$TB_PREFIX" >/dev/null 2>&1 || ip link add "$TB_PREFIX" type bridge || return 1
    ip addr replace "$TB_NET.1/24" dev "$TB_PREFIX" && ip addr replace "$(ip6_of -9)/64" dev "$TB_PREFIX" nodad &&
        ip link set "$TB_PREFIX" up || return 1
    # an engine of the machine itself sets the policy of FORWARD to DROP, and that holds for bridged frames, too
    forward -C 2>/dev/null || forward -I
}
forward() { # -I, -C or -D
    iptables -w "$1" FORWARD -i "$TB_PREFIX" -o "$TB_PREFIX" -j ACCEPT
}
ssh_facts() { # what `ssh -F` needs to reach the hosts there are
    local i
    : >"$TB_DIR/known_hosts.new" && : >"$TB_DIR/ssh_config.new"
    for i in $(hosts); do
        echo "h$i,$(ip_of "$i"),$(ip6_of "$i") $(cut -d' ' -f1,2 "$TB_DIR/h$i/hostkey.pub")" >>"$TB_DIR/known_hosts.new"
        printf 'Host h%d %s\n HostName %s\n User root\n IdentityFile %s\n UserKnownHostsFile %s\n' \
            "$i" "$(ip_of "$i")" "$(ip_of "$i")" "$TB_DIR/id" "$TB_DIR/known_hosts" >>"$TB_DIR/ssh_config.new"
    done
    mv "$TB_DIR/known_hosts.new" "$TB_DIR/known_hosts" && mv "$TB_DIR/ssh_config.new" "$TB_DIR/ssh_config"
}
up() { # number of hosts
    local i failed=0 starting=()
    [ "$(id -u)" = 0 ] || die "needs root"
    [ "$1" -le "$MOST" ] || die "at most $MOST hosts"
    mkdir -p "$TB_DIR" && keep_settings
    [ -f "$TB_DIR/id" ] || ssh-keygen -q -t ed25519 -N '' -C "$TB_PREFIX" -f "$TB_DIR/id"
    network || die "no bridge"
    for ((i = 1; i <= $1; i++)); do
        power_on "$i" && wait_until_up "$i" &
        starting+=($!)
    done
    for i in "${starting[@]}"; do wait "$i" || failed=1; done
    ssh_facts
    return $failed
}
down() { # leaves nothing but files that people may have put into the directory
    local i
    for i in $(hosts); do power_off "$i" & done
    wait
    for i in $(hosts); do
        [ ! -e "/run/netns/$TB_PREFIX-h$i" ] || ip netns del "$TB_PREFIX-h$i"
        ip link del "$TB_PREFIX-v$i" 2>/dev/null
    done
    find /sys/fs/cgroup/*/"$TB_PREFIX" -depth -type d -exec rmdir {} \; 2>/dev/null
    ip link del "$TB_PREFIX" 2>/dev/null && forward -D
    rm -rf --one-file-system "$TB_DIR"/h[0-9]* "$TB_DIR/shared"
    rm -f "$TB_DIR"/{id,id.pub,known_hosts,ssh_config,settings}
    return 0
}
mend() {
    local i failed=0 mending=()
    for i in $(hosts); do
        mend_host "$i" &
        mending+=($!)
    done
    for i in "${mending[@]}"; do wait "$i" || failed=1; done
    return $failed
}
status() {
    local i
    for i in $(hosts); do
        if is_on "$i"; then echo "h$i $(ip_of "$i") up pid $(pid_of "$i")"; else echo "h$i $(ip_of "$i") down"; fi
    done
}

command=${1:-} && shift
case $command in
    up | down | status | mend | drop | slow | fill) "$command" "$@" ;;
    cut) ip link set "$TB_PREFIX-v$1" down ;;
    heal) ip link set "$TB_PREFIX-v$1" up ;;
    clear | empty | rekey | unrekey) "$command" "$1" ;;
    kill) ip link set "$TB_PREFIX-v$1" down && power_off "$1" ;;
    start) power_on "$1" && wait_until_up "$1" ;;
    freeze) echo FROZEN >"$(freezer "$1")/freezer.state" ;;
    thaw) echo THAWED >"$(freezer "$1")/freezer.state" ;;
    docker-stop) docker_stop "$@" ;;
    docker-start) docker_start "$1" ;;
    exec) i=$1 && shift && enter "$i" "$@" ;;
    *) sed -n '2,/^set/{/^# \{0,1\}/!d;s///p;}' "$0" >&2; exit 2 ;;
esac
