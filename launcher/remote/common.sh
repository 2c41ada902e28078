# Shared by all scripts that the launcher runs on hosts: POSIX sh, and what every Linux has.
set -u
umask 022
export LC_ALL=C # what programs say is read here, in English
FENCED=75 HELD=76 SILENT=77 # exit codes
die() { printf '%s\n' "$2" >&2; exit "$1"; }
write() { # file, words; under a name that two at once do not share. A shell's own printf does not say why it fails
    { printf '%s\n' "$2" >"$1.$$.tmp"; } 2>/dev/null || printf '%s\n' "$2" | cat >"$1.$$.tmp" ||
        { rm -f "$1.$$.tmp"; return 1; }
    mv "$1.$$.tmp" "$1"
}
newline='
'
fact() { # name, words: on one line
    case $2 in
        *"$newline"*) printf '%s %s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')" ;;
        *) printf '%s %s\n' "$1" "$2" ;;
    esac
}
now() { date +%s.%N | sed 's/[.]N$/.0/'; }
highest_epoch() { # run directory
    highest=0
    for epoch in "$1"/lease/epoch-*; do
        number=${epoch##*/epoch-}
        case $number in '' | *[!0-9]*) continue ;; esac
        [ "$number" -le "$highest" ] || highest=$number
    done
    printf '%s\n' "$highest"
}
fence() { # run directory, epoch: whoever lost the lease must change nothing any more
    current=$(highest_epoch "$1")
    [ "$current" = "$2" ] || die "$FENCED" "the lease of this run has epoch $current, not $2: another launcher has it"
}
read -r boot_id </proc/sys/kernel/random/boot_id
alive() { # pid record: the same process still runs
    [ -f "$1" ] && read -r pid start boot rest <"$1" && [ "$boot" = "$boot_id" ] || return 1
    { read -r line <"/proc/$pid/stat"; } 2>/dev/null || return 1
    set -- ${line##*\) }
    [ "$1" != Z ] && [ "$1" != X ] && [ "${20}" = "$start" ]
}
record() { # file: this script, as `alive` knows it
    read -r line </proc/$$/stat
    set -- "$1" ${line##*\) }
    write "$1" "$$ ${21} $boot_id"
}
labelled() { # run, attempt: pids that carry both in their environment
    for environ in $(grep -lsF "LAUNCHER_RUN=$1" /proc/[0-9]*/environ); do
        pid=${environ#/proc/} pid=${pid%/environ}
        carries "$environ" "LAUNCHER_RUN=$1" && carries "$environ" "LAUNCHER_ATTEMPT=$2" && printf '%s\n' "$pid"
    done
    return 0
}
first_free() { # ports…: the first of them that nothing on this host is bound to; else says so
    used=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '{ sub(/.*:/, "", $2); print $2 }')
    for port; do
        printf '%s\n' "$used" | grep -qx "$(printf '%04X' "$port")" || { printf '%s\n' "$port"; return 0; }
    done
    die 1 "none of the ports tried is free: $*"
}
carries() { # environment of a process, NAME=value: a whole variable, not a part of another one's value
    { tr '\n\0' ' \n' <"$1"; } 2>/dev/null | grep -qxF -e "$2"
}
running=' '
say_running() { # key, pid: once
    case $running in *" $1 "*) return ;; esac
    running="$running$1 " && printf 'running %s %s\n' "$1" "$2"
}
watch_all() { # seconds between looks, keys…: `look_at KEY` until each has settled; a beat now and then
    nap=$1 pulse=10 looks=0 settled=' ' && shift
    while :; do
        left=0
        for key; do
            case $settled in *" $key "*) continue ;; esac
            if look_at "$key"; then settled="$settled$key "; else left=$((left + 1)); fi
        done
        [ "$left" -gt 0 ] || return 0
        looks=$((looks + 1))
        [ $(((looks - 1) % pulse)) -ne 0 ] || echo beat || return 0
        sleep "$nap"
    done
}
log_of() { # key: name of a member's log directory
    [ "$1" = scheduler ] && echo LOG_SCHED || printf 'LOG%s\n' "$1"
}
STALE=120 # seconds by this host's clock after which an untouched lock may be another's
sha256() { # of standard input; openssl takes less than half the time of what many systems have as sha256sum
    if command -v openssl >/dev/null; then openssl dgst -sha256 -r; else sha256sum; fi | cut -d' ' -f1
}
docker_as() { # sudo or nothing, words: Docker as the cluster file says
    if [ -n "$1" ]; then shift && sudo -n docker "$@"; else shift && docker "$@"; fi
}
by_sudo= # whether the run's containers are made through sudo: this user may have a Docker of their own
engine_aloud() { # words: Docker, through sudo where the run goes that way, or where this user may not call it
    if [ -z "$by_sudo" ]; then
        docker "$@" && return
        set -- "$?" "$@"
        ! docker version >/dev/null 2>&1 || return "$1" # it answers: what failed is not for sudo to do again
        shift
    fi
    sudo -n docker "$@"
}
engine() { # the same without its errors
    engine_aloud "$@" 2>/dev/null
}
list_containers() { # run, attempt or nothing, more words for docker ps
    of_run=$1 of_attempt=$2 && shift 2
    engine ps --filter "label=launcher.run=$of_run" --filter "label=launcher.owner=$(id -u)" \
        ${of_attempt:+--filter "label=launcher.attempt=$of_attempt"} "$@"
}
containers_of() { # the same: their ids
    list_containers "$@" --quiet --no-trunc
}
know_runtime() { # run directory: what its lease says of it, for is_in_containers and engine
    runtime=$(cat "$1/lease/runtime" 2>/dev/null)
    case $runtime in sudo*) by_sudo=sudo ;; *) by_sudo= ;; esac
}
is_in_containers() {
    case $runtime in *docker) return 0 ;; *) return 1 ;; esac
}
has_live_ranks() { # run directory, run: processes, containers that a watch has seen, and others; no answer is not none
    know_runtime "$1"
    for record in "$1"/attempt-*/state/*.pid "$1"/attempt-*/state/*.host; do
        alive "$record" && return 0
    done
    is_in_containers || command -v docker >/dev/null || return 1
    found=$(engine ps --quiet --filter "label=launcher.run=$2") || { is_in_containers; return; }
    [ -n "$found" ]
}
age_of() { # path: seconds since it was touched; of one that is not there, since 1970
    printf '%s\n' "$(($(date +%s) - $(stat -c %Y "$1" 2>/dev/null || echo 0)))"
}
is_stale() { # lock
    [ -e "$1/touched" ] && age=$(age_of "$1/touched") || age=$(age_of "$1")
    [ -d "$1" ] && [ "$age" -gt "$STALE" ] || return 1
    ! has_live_ranks "$(cat "$1/run_dir" 2>/dev/null)" "$(cat "$1/run" 2>/dev/null)"
}
is_over() { # directory of a delivery of an image: nobody works on it any more
    if [ -e "$1/owner" ]; then ! alive "$1/owner"; else [ -n "$(find "$1" -prune -mmin +1)" ]; fi
}
drop() { # lock, run: at once, so that nobody meets half of it
    gone=${1%/*}/.$2.gone
    rm -rf "$gone" && mv -fT "$1" "$gone" && rm -rf "$gone"
}
