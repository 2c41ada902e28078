# sudo or nothing, state directory, seconds between looks, run, attempt, keys…: as watch.sh, of containers. Docker is asked
# where they are, once; from then on the processes are looked at, as Docker's answer costs more than a look. Where root's
# processes are hidden from this user (hidepid), Docker is asked on, but less often.
by_sudo=$1 state=$2 nap=$3 run=$4 attempt=$5 && shift 5
hidden=' ' listed_at=
locate() { # containers of this attempt: a record for each that runs, by the host's own pid
    ids=$(containers_of "$run" "$attempt" --all) && [ -n "$ids" ] || return 0
    engine inspect --format '{{index .Config.Labels "launcher.rank"}} {{.State.Pid}}' $ids |
        while read -r key pid; do
            [ "$pid" -gt 0 ] && { read -r line <"/proc/$pid/stat"; } 2>/dev/null || continue
            set -- ${line##*) }
            write "$state/$key.host" "$pid ${20} $boot_id"
        done
}
how() { # key: whether it ended by itself
    [ -e "$state/$1.stop" ] && echo stopped || echo own
}
container_of() { # key
    containers_of "$run" "$attempt" --all --filter "label=launcher.rank=$1"
}
engine_logs() { # container: what it said, on both outputs
    engine_aloud logs --tail 1 "$1" 2>&1
}
ask() { # key: what Docker knows of it: status, exit code, whether it was out of memory, pid
    id=$(container_of "$1") || { echo unknown; return; }
    [ -n "$id" ] || { echo none; return; }
    engine inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Pid}}' "$id"
}
is_listed() { # key of one that is hidden: Docker has it among those that run; asked once a look for all
    case $hidden in *" $1 "*) ;; *) return 1 ;; esac
    [ "$listed_at" = "$looks" ] || {
        listed_at=$looks
        listed=$(list_containers "$run" "$attempt" --format '{{.Label "launcher.rank"}}')
    }
    printf '%s\n' "$listed" | grep -qxF -e "$1"
}
look_at() { # key
    if [ -s "$state/$1.end" ]; then
        read -r code time rest <"$state/$1.end"
        printf 'end %s %s %s %s %s\n' "$1" "$code" "$time" "$(how "$1")" "$(cat "$state/$1.reason" 2>/dev/null)"
        return 0
    fi
    if alive "$state/$1.host"; then
        say_running "$1" "$pid"
        return 1
    fi
    ! is_listed "$1" || return 1
    set -- "$1" $(ask "$1")
    [ ! -s "$state/$1.end" ] || return 1 # it ended between the two looks
    case ${2:-unknown} in # of one that goes meanwhile Docker says an empty line
    none | created)
        [ ! -e "$state/$1.pid" ] || { printf 'gone %s %s %s removed\n' "$1" "$(now)" "$(how "$1")" && return 0; }
        printf 'absent %s\n' "$1"
        ;;
    exited | dead)
        why=vanished said= boot=$boot_id
        [ ! -f "$state/$1.host" ] || read -r pid start boot rest <"$state/$1.host"
        [ "$boot" = "$boot_id" ] || why=rebooted
        [ "$4" != true ] || why=memory
        [ "$3" = 137 ] || said=$(engine_logs "$(container_of "$1")" | tail -n 1) # who began writes to log.txt
        printf 'gone %s %s %s %s %s %s\n' "$1" "$(now)" "$(how "$1")" "$why" "$3" "$said"
        ;;
    running) # and its pid was not known
        locate
        [ -e "$state/$1.host" ] || { say_running "$1" "$5" && hidden="$hidden$1 " nap=2 pulse=1; }
        return 1
        ;;
    *) return 1 ;; # as it is now, it is not settled; or Docker does not answer
    esac
}
locate
watch_all "$nap" "$@"
