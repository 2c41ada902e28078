# parcel, size, keys, user, address, port: the rest of the parcel from another host of the delivery. Output, one a second:
# `have BYTES`; at the end `done`, or `failed REASON`. A broken connection is taken up again where it ended, three
# times without a byte at most.
parcel=$1 size=$2 keys=$3 user=$4 address=$5 port=$6
umask 077
client=
trap '[ -z "$client" ] || kill "$client" 2>/dev/null' EXIT
trap 'exit 1' HUP PIPE TERM
printf '[%s]:%s %s\n' "$address" "$port" "$(cut -d' ' -f1,2 "$keys/server.pub")" >"$keys/known"
touch "$parcel" || exit 1
have() { stat -c %s "$parcel" 2>/dev/null || echo 0; }
from=$(have) tries=0
while [ "$from" -lt "$size" ] && [ -d "$keys" ]; do # they go when the delivery ends
    ssh -F /dev/null -i "$keys/client" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes \
        -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$keys/known" -o GlobalKnownHostsFile=/dev/null \
        -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o Compression=no -o LogLevel=ERROR \
        -c aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr \
        -p "$port" "$user@$address" "$from $size" </dev/null >>"$parcel" 2>"$keys/said" &
    client=$!
    echo "$client" >"$keys/fetching" # ends with the delivery, too
    while kill -0 "$client" 2>/dev/null; do
        echo "have $(have)" || exit 1
        sleep 1
    done
    wait "$client"
    code=$? client=
    rm -f "$keys/fetching"
    there=$(have)
    if [ "$there" -gt "$from" ]; then tries=0; else tries=$((tries + 1)); fi
    from=$there
    [ "$from" -lt "$size" ] || break
    [ "$tries" -lt 3 ] || { echo "failed $(tail -n 1 "$keys/said" | tr -d '\r') (ssh ended with $code)"; exit 0; }
    sleep 0.5
done
[ -d "$keys" ] || { echo "failed the delivery has ended"; exit 0; }
[ "$from" = "$size" ] && echo done || echo "failed the parcel is $from bytes, not $size"
