# parcel: how many bytes of it are there
stat -c %s "$1" 2>/dev/null || echo 0
