# directory, then of each file: first byte (from 1), number of bytes, path (for printf %b)
# Exactly so many bytes of each, one after the other, in one gzip stream. Zeros stand in for what a file no longer has:
# its sum will tell, and what comes after it is in its place.
export LC_ALL=C
cd "$1" 2>/dev/null || exit 1
shift
while [ "$#" -gt 2 ]; do
    path=$(printf '%b.' "$3")
    { tail -c "+$1" "./${path%.}"; cat /dev/zero; } 2>/dev/null | head -c "$2" || exit 1
    shift 3
done | gzip -1
