# directory, bytes: whether there is room for so many
free=$(df -Pk "$1" | awk 'NR == 2 { print $4 }')
[ "$free" -ge "$(($2 / 1024))" ] || die 1 "$1 has room for $((free / 1024)) MB, the image needs $(($2 / 1048576)) MB there"
