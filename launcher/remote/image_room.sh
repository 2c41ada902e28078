# directory, bytes: whether there is room for a parcel of so many; a part of it may be there
free=$(df -Pk "$1" | awk 'NR == 2 { print $4 }')
there=$(stat -c %s "$1/parcel" 2>/dev/null || echo 0)
[ "$free" -ge "$((($2 - there) / 1024))" ] || die 1 "$1 has room for $((free / 1024)) MB, the image needs $(($2 / 1048576)) MB there"
