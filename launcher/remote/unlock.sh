# run directory, epoch, directory of locks, run: let go of its devices
fence "$1" "$2"
kept=
for lock in "$3"/*; do
    [ "$(cat "$lock/run" 2>/dev/null)" = "$4" ] && [ -O "$lock" ] || continue
    drop "$lock" "$4" || kept="$kept ${lock##*/}"
done
rm -rf "$3/.$4".* # of a supervisor that was killed
[ -z "$kept" ] || die 1 "cannot let go of$kept"
