# run directory, epoch, directory of locks, run, owner, locks…: take all locks or none. Of those that are held: name, run,
# since when, owner; then, where nobody uses any of them, `left` and their paths: only their owners and root can remove
# them (the directory is sticky)
fence "$1" "$2"
run_dir=$1 root=$3 run=$4 owner=$5 && shift 5
[ -d "$root" ] || { mkdir -p "$root" && chmod 1777 "$root"; } || exit 1

take() { # lock: made aside, so that no lock is ever without its words; a rename onto one that is held fails
    fresh=$root/.$run.fresh
    rm -rf "$fresh" && mkdir "$fresh" && write "$fresh/run" "$run" && : >"$fresh/touched" &&
        write "$fresh/since" "$(date +%s)" && write "$fresh/run_dir" "$run_dir" && write "$fresh/owner" "$owner" ||
        die 1 "no lock can be made in $root"
    mv -fT "$fresh" "$1" 2>/dev/null || { rm -rf "$fresh"; return 1; }
}
steal() { # lock: thieves come one after the other, and each looks again
    { flock -w 10 9 && is_stale "$1" && drop "$1" "$run" 2>/dev/null && take "$1"; } 9<"$root"
}
get() { # lock: ours already, free, or left by a run that is no more
    if [ "$(cat "$1/run" 2>/dev/null)" = "$run" ]; then
        touch "$1/touched"
    else
        { take "$1" || { is_stale "$1" && steal "$1"; }; } && taken="$taken ${1##*/}"
    fi
}
word() { # lock, name, what stands for it where it is not there; one line, whatever another user has put there
    { IFS= read -r line <"$1/$2"; } 2>/dev/null || line=$3
    printf '%s\n' "$line"
}
held= taken= left= in_use=
for name; do # in one order and none after the first that is held: of two launchers one gets all
    lock=$root/$name
    if [ -z "$held" ]; then
        get "$lock" && continue
    elif [ ! -d "$lock" ] || [ "$(word "$lock" run -)" = "$run" ]; then
        continue
    fi
    if [ ! -O "$lock" ] && is_stale "$lock"; then left="$left $lock"; else in_use=yes; fi
    held="$held$name $(word "$lock" run unknown) $(word "$lock" since 0) $(word "$lock" owner unknown)
"
done
[ -n "$held" ] || exit 0
for name in $taken; do drop "$root/$name" "$run"; done
printf '%s' "$held"
[ -n "$in_use" ] || printf 'left%s\n' "$left"
exit "$HELD"
