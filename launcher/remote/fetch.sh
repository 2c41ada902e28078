# directory, then of each file: first byte (from 1), number of bytes, path (for printf %b)
# Exactly so many bytes of each, one after the other, in one gzip stream. Zeros stand in for what a file no longer has:
# its sum will tell, and what comes after it is in its place.
cd "$1" 2>/dev/null || exit 1
shift
while [ "$#" -gt 2 ]; do
    path=./$3
    case $3 in *\\*) path=$(printf '%b.' "./$3") path=${path%.} ;; esac
    if [ "$1" = 1 ]; then
        cat "$path" /dev/zero | head -c "$2" # most files by far: a process less
    else
        { tail -c "+$1" "$path"; cat /dev/zero; } | head -c "$2"
    fi || exit 1
    shift 3
done 2>/dev/null | gzip -1
