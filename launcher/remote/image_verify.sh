# parcel, SHA-256: what has arrived otherwise goes, so that it is fetched anew; ends with 3 then
[ "$(sha256 <"$1")" = "$2" ] && exit 0
rm -f "$1"
die 3 "the image arrived other than it was sent"
