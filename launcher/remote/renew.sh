# run directory, epoch, directory of locks, run: the supervisor is alive
fence "$1" "$2"
write "$1/lease/renewed" "$(date +%s)"
for lock in "$3"/*; do
    [ "$(cat "$lock/run" 2>/dev/null)" != "$4" ] || write "$lock/touched" "$(date +%s)"
done
