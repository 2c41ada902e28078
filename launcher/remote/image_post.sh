# directory, address or nothing, seconds: a place for one delivery of an image, and an sshd of its own on that address
# through which other hosts of the delivery, and nobody else, read the parcel from a byte on.
# Standard input: four lines of base64 (server key, its public key, client key, its public key), then beats, `over` at the
# end. Output: `open PORT USER BYTES KEYS`, or `shut BYTES KEYS REASON`; so many bytes of the parcel are there from earlier.
# At the end of input, or after so many seconds without a beat, nothing of it is left; but where nobody said `over`,
# what has arrived waits for the next delivery of the same parcel.
dir=$1 address=$2 patience=$3 sum=$4 # nothing on the host that sends
sender=$5 # script that runs for whoever comes through the door
shift 5   # ports to try
PATH=$PATH:/usr/sbin:/sbin
umask 077
server= word=
clean() {
    trap '' HUP PIPE TERM
    [ -z "$server" ] || kill "$server" 2>/dev/null
    for at in "$keys/fetching" "$dir/saving"; do [ ! -f "$at" ] || kill "$(cat "$at")" 2>/dev/null; done
    # under another name: who still reads it from here ends
    [ "$word" != over ] && [ -n "$sum" ] && mv "$dir/parcel" "$dir/kept" 2>/dev/null || rm -rf "$dir"
    rm -rf "$keys"
    rmdir "${dir%/*}" "${dir%/*/*}" 2>/dev/null # no more than this has made
}
bytes() { stat -c %s "$1" 2>/dev/null || echo 0; }
take_over() { # what deliveries that have ended left here: of the same parcel all that has arrived, else nothing
    for other in "${dir%/*}"/*; do
        [ "$other" != "$dir" ] && [ -d "$other" ] && is_over "$other" && mv -T "$other" "$dir/left" 2>/dev/null || continue
        for left in "$dir/left/kept" "$dir/left/parcel"; do
            [ -n "$sum" ] && [ "$(cat "$dir/left/sum" 2>/dev/null)" = "$sum" ] || break
            [ "$(bytes "$left")" -le "$(bytes "$dir/parcel")" ] || mv -f "$left" "$dir/parcel"
        done
        rm -rf "$dir/left"
    done
}
keys=$(mktemp -d /dev/shm/launcher-image.XXXXXX 2>/dev/null) || keys=$(mktemp -d /tmp/launcher-image.XXXXXX) || exit 1
trap 'clean' EXIT
trap 'exit 1' HUP PIPE TERM
mkdir -p "$dir" && record "$dir/owner" && write "$dir/sum" "$sum" || exit 1
take_over
for name in server server.pub client client.pub; do
    read -r line && printf '%s\n' "$line" | base64 -d >"$keys/$name" || die 1 "no keys came"
done
printf '%s\n' "$sender" >"$keys/send"
conf() { # port
    cat <<END
Port $1
ListenAddress $address
HostKey $keys/server
AuthorizedKeysFile $keys/client.pub
PidFile none
StrictModes no
UsePAM $([ "$(id -u)" = 0 ] && echo yes || echo no)
UseDNS no
AuthenticationMethods publickey
PasswordAuthentication no
PermitRootLogin prohibit-password
AllowUsers $(id -un | tr @ '?')
DisableForwarding yes
PermitTTY no
PermitUserRC no
PrintMotd no
ClientAliveInterval 10
ClientAliveCountMax 3
MaxStartups 64
ForceCommand /bin/sh $keys/send
END
}
open_door() { # ports: sets `port`
    for port; do
        conf "$port" >"$keys/conf"
        "$sshd" -D -e -f "$keys/conf" 2>"$keys/log" </dev/null >/dev/null &
        server=$!
        for look in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            grep -q '^Server listening' "$keys/log" && return 0
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill "$server" 2>/dev/null
        server=
    done
    return 1
}
reason=
if [ -z "$address" ]; then
    reason='no address of it is known'
elif ! command -v ssh >/dev/null; then
    reason='it has no ssh client'
elif ! sshd=$(command -v sshd); then
    reason='it has no sshd to be started by hand'
elif ! open_door "$@"; then
    reason="sshd: $(tail -n 1 "$keys/log")"
fi
there=$(bytes "$dir/parcel")
if [ -n "$reason" ]; then echo "shut $there $keys $reason"; else echo "open $port $(id -un) $there $keys"; fi
: >"$keys/beat"
main=$$
(
    while [ -e "$keys/beat" ]; do
        [ "$(($(date +%s) - $(stat -c %Y "$keys/beat" 2>/dev/null || date +%s)))" -lt "$patience" ] || {
            clean
            kill -KILL "$main" # it waits for input that will not come
        }
        sleep 2
    done
) >/dev/null 2>&1 </dev/null &
while read -r word && [ "$word" != over ]; do : >"$keys/beat"; done
