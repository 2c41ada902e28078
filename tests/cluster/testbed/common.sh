# What every part of the testbed knows: settings, names, where things lie.
: "${TB_DIR:?the state directory of the testbed}"
[ ! -f "$TB_DIR/settings" ] || . "$TB_DIR/settings"
TB_PREFIX=${TB_PREFIX:-ltb} TB_GOLDEN=${TB_GOLDEN:-} TB_NPU=${TB_NPU:-8} TB_SSHD=${TB_SSHD:-}
TB_NET=${TB_NET:-10.99.$(($(printf %s "$TB_PREFIX" | cksum | cut -d' ' -f1) % 256))}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

keep_settings() {
    local name
    for name in TB_PREFIX TB_GOLDEN TB_NPU TB_SSHD TB_NET; do printf '%s=%q\n' "$name" "${!name}"; done >"$TB_DIR/settings"
}
die() { echo "testbed: $*" >&2; exit 1; }
hosts() { # numbers of the hosts there are
    local path
    for path in "$TB_DIR"/h[0-9]*; do [ ! -d "$path" ] || echo "${path##*/h}"; done | sort -n
}
ip_of() { echo "$TB_NET.$((10 + $1))"; }
ip6_of() { echo "fd00:${TB_NET//./:}::$((10 + $1))"; }
pid_of() { cat "$TB_DIR/h$1/pid" 2>/dev/null; }
freezer() { echo "/sys/fs/cgroup/freezer/$TB_PREFIX/h$1"; }
root_of() { echo "/proc/$(pid_of "$1")/root"; }
is_on() {
    local pid
    pid=$(pid_of "$1") && grep -qa host.sh "/proc/$pid/cmdline" 2>/dev/null
}
until_true() { # tries, command: whether it came true, 20 a second
    local tries=$1 && shift
    until "$@" 2>/dev/null; do
        [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.05
    done
}
enter() { # host, command
    local pid
    pid=$(pid_of "$1") || die "h$1 is off"
    shift
    nsenter -t "$pid" -m -n -p -u -i "$@"
}
layers() { # of the golden engine
    local file
    for file in "$TB_GOLDEN"/image/overlay2/layerdb/sha256/*/cache-id; do [ ! -f "$file" ] || echo "$(<"$file")"; done
}
