# directory: for secrets, readable by its owner alone; its parent is this user's, too
umask 077
for place in "${1%/*}" "$1"; do # anybody may have made it before us, to look into it
    mkdir -p "$place"
    [ -d "$place" ] && [ ! -L "$place" ] && [ -O "$place" ] && chmod 700 "$place" ||
        die 1 "$place belongs to somebody else: no secret is put there"
done
