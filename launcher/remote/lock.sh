# run directory, epoch, directory of locks, run, owner, locks…: take all locks or none
fence "$1" "$2"
run_dir=$1 root=$3 run=$4 owner=$5 && shift 5
[ -d "$root" ] || { mkdir -p "$root" && chmod 1777 "$root"; } || exit 1

take() { # lock
    mkdir "$1" 2>/dev/null || return 1
    write "$1/run" "$run" && write "$1/touched" "$(date +%s)" && write "$1/since" "$(date +%s)" &&
        write "$1/run_dir" "$run_dir" && write "$1/owner" "$owner"
}
steal() { # lock: the one whose rename succeeds may take it
    mv "$1" "$1.stale-$run" 2>/dev/null && rm -rf "$1.stale-$run"
}
get() { # lock: ours already, free, or left by a run that is no more
    if [ "$(cat "$1/run" 2>/dev/null)" = "$run" ]; then
        write "$1/touched" "$(date +%s)"
    else
        { take "$1" || { is_stale "$1" && steal "$1" && take "$1"; }; } && taken="$taken $1"
    fi
}
held= taken=
for name; do # in one order and none after the first that is held: of two launchers one gets all
    if [ -n "$held" ]; then
        [ -d "$root/$name" ] || continue
    else
        get "$root/$name" && continue
    fi
    held="$held$name $(cat "$root/$name/run" 2>/dev/null || echo unknown) $(cat "$root/$name/since" 2>/dev/null || echo 0) $(cat "$root/$name/owner" 2>/dev/null || echo unknown)
"
done
[ -n "$held" ] || exit 0
for lock in $taken; do rm -rf "$lock"; done
printf '%s' "$held"
exit "$HELD"
