# attempt directory, seconds between looks, yes to follow or no, pairs of key and offset: what its ranks wrote
# <key> <offset> <length>, then so many bytes of its log.txt; with follow, until all have ended, in turns
# cut <key>: it has become shorter and is sent again from 0     beat: all that is there has been sent
# over: the last line     gone: there is no such directory
nap=$2 follow=$3
until cd "$1" 2>/dev/null; do
    [ "$follow" = yes ] || { echo gone; exit 0; }
    echo beat && sleep "$nap" || exit 1
done
shift 3
exec 3>&1
LARGE=65536 SMALL=256 FRAME=16 TURN=8388608 keys= files=
while [ "$#" -gt 1 ]; do
    case $1 in '' | *[!0-9a-z]*) die 2 "not a member: $1" ;; esac
    eval "offset_$1=\$2"
    keys="$keys $1" files="$files $(log_of "$1")/log.txt"
    shift 2
done

send() { # key, file, size: the next frame, of blocks as large as the offset allows: dd seeks to whole blocks only
    block=1 most=$((SMALL - offset % SMALL)) left=$(($3 - offset))
    if [ "$left" -le $((SMALL * 2)) ]; then
        most=$left
    elif [ $((offset % LARGE)) -eq 0 ] && [ "$left" -ge "$LARGE" ]; then
        block=$LARGE most=$FRAME
    elif [ $((offset % SMALL)) -eq 0 ]; then
        block=$SMALL most=$(((LARGE - offset % LARGE) / SMALL))
    fi
    count=$((left / block))
    [ "$count" -le "$most" ] || count=$most
    printf '%s %s %s\n' "$1" "$offset" "$((block * count))" || exit 1
    said=$(dd if="$2" bs="$block" skip="$((offset / block))" count="$count" 2>&1 >&3) || exit 1
    case $said in "$count+0 records in"*) ;; *) exit 1 ;; esac # half a frame: the reader drops it
    offset=$((offset + block * count))
}
send_turn() { # size, file: what is new in one log, when following at most so much that others get their turn
    key=${2#LOG} key=${key%/log.txt} end=$1
    [ "$key" != _SCHED ] || key=scheduler
    eval "offset=\$offset_$key"
    [ "$offset" -le "$1" ] || { printf 'cut %s\n' "$key" && offset=0; }
    [ "$follow" = no ] || [ $((end - offset)) -le "$TURN" ] || end=$((offset + TURN)) behind=yes
    while [ "$offset" -lt "$end" ]; do send "$key" "$2" "$end" && quiet=0; done
    eval "offset_$key=\$offset"
}
looks=0 quiet=0
while :; do
    ended=yes behind=no
    for key in $keys; do
        [ -e "state/$key.end" ] || { ended=no && break; }
    done
    set -- $(wc -c $files 2>/dev/null) # of those that are there, and the total of several
    while [ "$#" -gt 1 ]; do
        [ "$2" = total ] || send_turn "$1" "$2"
        shift 2
    done
    [ "$behind" = no ] || continue
    [ "$follow" = yes ] && [ "$ended" = no ] || { echo over; exit 0; }
    looks=$((looks + 1)) quiet=$((quiet + 1))
    [ $((looks % 8)) -ne 1 ] || echo beat || exit 1
    [ "$quiet" -le 20 ] && sleep "$nap" || sleep 1 # each look costs two processes
done
