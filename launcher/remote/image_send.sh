# file, seconds, first byte (from 0), size of the file when it is whole: the rest of a file that may still grow; ends with 3
# where it has not grown for so long, with 4 where it is gone
file=$1 patience=$2 offset=${3:-} size=${4:-}
for number in "$offset" "$size"; do
    case $number in '' | *[!0-9]*) exit 2 ;; esac
done
idle=0
while [ "$offset" -lt "$size" ]; do
    there=$(stat -c %s "$file" 2>/dev/null) || exit 4
    if [ "$there" -gt "$offset" ]; then
        tail -c "+$((offset + 1))" "$file" 2>/dev/null | head -c "$((there - offset))" || exit 1
        offset=$there idle=0
    else
        [ "$((idle += 1))" -lt "$((patience * 5))" ] || exit 3
        sleep 0.2
    fi
done
