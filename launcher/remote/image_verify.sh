# parcel, SHA-256: what has arrived otherwise goes, so that it is fetched anew
[ "$(sha256sum <"$1")" = "$2  -" ] && exit 0
rm -f "$1"
die 1 "the image arrived other than it was sent"
