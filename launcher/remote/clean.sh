# look or remove, work directory, directory of locks, of each run its name, its epoch, and `ended` where its supervisor
# has said so, whether this host has heard of it or not: what those finished runs have left, code that no other run
# uses, locks of these runs, stale locks. Of each: what, name, KiB; or kept, name, why; or loses, run, path of what no
# collect can fetch. Only what is our own.
mode=$1 work=$2 locks=$3
shift 3
found() { # what, name, path: already under the name that is removed
    size=$(du -sk "$3" 2>/dev/null) # fails, and says a size, where it may not look into a directory
    size=${size%%[!0-9]*}
    if [ "$mode" = remove ]; then
        chmod -R u+w "$3" 2>/dev/null
        rm -rf "$3" || { printf 'kept %s not all of it could be removed: as root, rm -rf %s\n' "$2" "$3"; return; }
    fi
    printf '%s %s %s\n' "$1" "$2" "${size:-0}"
}
has_attempts() { # run directory; a shell that was killed leaves an attempt without a plan
    for directory in "$1"/attempt-*; do [ ! -f "$directory/plan.json" ] || return 0; done
    return 1
}
why_not() { # run directory, run, epoch, ended or another word: empty if the run may go
    if [ ! -O "$1" ] || [ -L "$1" ]; then echo "it belongs to somebody else"
    elif [ "$4" != ended ] && [ ! -s "$1/finished" ] && has_attempts "$1"; then echo "it has not ended"
    elif [ "$(highest_epoch "$1")" != "$3" ]; then echo "another launcher has taken it over"
    elif has_live_ranks "$1" "$2"; then echo "its ranks live, or Docker does not answer"
    else
        for directory in "$1"/attempt-*; do
            [ -z "$(labelled "$2" "${directory##*-}")" ] || { echo "processes of it live"; return; }
        done
    fi
}
remove_rest() { # run, its directory: what it could not let go of when it ended; says why where that still cannot go
    rm -rf "/dev/shm/launcher-$(id -u)/$1"
    know_runtime "$2" && is_in_containers || return 0
    ids=$(containers_of "$1" "" --all) || { echo "Docker does not answer"; return; }
    [ -z "$ids" ] || engine rm --volumes $ids >/dev/null || echo "containers of it cannot be removed"
}
say_losses() { # run, its directory: what goes with it and is nowhere else
    (cd "$2" && find ckpt attempt-*/LOG* -name "*$newline*" -prune -exec ls -dq {} + 2>/dev/null) |
        sed "s/^/loses $1 /"
}
let_go() { # run, its directory
    going="$going$1 "
    say_losses "$1" "$2"
    found run "$1" "$2"
}
clean_run() { # run, epoch, ended or another word: renamed before it goes, so that nobody takes over half of a run
    run_dir=$work/runs/$1 doomed=$work/runs/.removed-$1
    case $1 in '' | *[!a-z0-9-]*) die 2 "not a run: $1" ;; esac
    [ -d "$run_dir" ] || return 0
    why=$(why_not "$run_dir" "$@")
    [ -z "$why" ] || { printf 'kept %s %s\n' "$1" "$why"; return; }
    [ "$mode" = remove ] || { let_go "$1" "$run_dir"; return; }
    mv -T "$run_dir" "$doomed" || exit 1
    why=$(why_not "$doomed" "$@")
    [ -n "$why" ] || why=$(remove_rest "$1" "$doomed")
    [ -z "$why" ] || { mv -T "$doomed" "$run_dir"; printf 'kept %s %s\n' "$1" "$why"; return; }
    let_go "$1" "$doomed"
}
is_going() { # run
    case $going in *" $1 "*) return 0 ;; esac
    return 1
}
is_used() { # digest of code: a run that stays has it in a plan
    for plan in "$work"/runs/*/attempt-*/plan.json; do
        run_dir=${plan%/attempt-*}
        ! is_going "${run_dir##*/}" || continue
        grep -qF -e "$1" "$plan" 2>/dev/null && return 0
    done
    return 1
}
clean_code() { # directory: an upload looks for it after its plan is there; who wants it meanwhile gets it back
    name=${1##*/}
    [ -d "$1" ] && [ -O "$1" ] && ! is_used "$name" || return 0
    [ "$mode" = remove ] || { found code "$name" "$1"; return; }
    mv -T "$1" "$work/code/.removed-$name" || exit 1
    if is_used "$name"; then mv -T "$work/code/.removed-$name" "$1" 2>/dev/null && return; fi
    found code "$name" "$work/code/.removed-$name"
}
is_unheld() { # lock
    is_going "$(cat "$1/run" 2>/dev/null)" || is_stale "$1"
}
clean_lock() { # lock
    [ -d "$1" ] && [ -O "$1" ] && is_unheld "$1" || return 0
    [ "$mode" = remove ] || { found lock "${1##*/}" "$1"; return; }
    mv -T "$1" "$1.stale-clean" 2>/dev/null || return 0
    if is_unheld "$1.stale-clean"; then found lock "${1##*/}" "$1.stale-clean"; else mv -T "$1.stale-clean" "$1"; fi
}
for left in "$work"/runs/.removed-* "$work"/code/.removed-*; do # by a clean that was killed
    [ ! -d "$left" ] || [ ! -O "$left" ] || found rest "${left##*/.removed-}" "$left"
done
going=' ' # runs that are gone, or would be
while [ "$#" -gt 2 ]; do
    clean_run "$1" "$2" "$3"
    shift 3
done
for code in "$work"/code/*; do
    case ${code##*/} in
    *.*) # an upload that was killed
        [ ! -O "$code" ] || [ -z "$(find "$code" -prune -mtime +0)" ] || found rest "${code##*/}" "$code"
        ;;
    *) clean_code "$code" ;;
    esac
done
for delivery in "$work"/images/*; do # of an image, that was interrupted
    [ ! -d "$delivery" ] || [ ! -O "$delivery" ] || ! is_over "$delivery" || found rest "${delivery##*/}" "$delivery"
done
[ "$mode" != remove ] || rmdir "$work/images" 2>/dev/null
for lock in "$locks"/*; do clean_lock "$lock"; done
