# attempt directory, since, lines, keys…: where to begin so that nothing after `since` (seconds of the epoch,
# ago:<seconds>, or -) and, of that, none of the last so many lines (or -) is left out: key, offset
since=$2 lines=$3
cd "$1" 2>/dev/null || exit 0
shift 3
case $since in ago:*) since=$(($(date +%s) - ${since#ago:})) ;; esac
for key; do
    directory=$(log_of "$key") start=0
    [ -f "$directory/log.txt" ] || continue
    [ "$since" = - ] || [ ! -f "$directory/log.index" ] ||
        start=$(awk -v since="$since" 'NF == 2 && $1 < since { start = $2 } END { printf "%d", start }' "$directory/log.index")
    if [ "$lines" != - ]; then
        size=$(wc -c <"$directory/log.txt") # before tail: if it grows meanwhile, we begin too early, never too late
        from=$((size - $(tail -n "$lines" "$directory/log.txt" | wc -c)))
        [ "$from" -le "$start" ] || start=$from
    fi
    printf '%s %s\n' "$key" "$start"
done
