# directory, sudo or nothing, image, whole or unpacked: an image as the engine saves it. Output: of a whole one its size and
# SHA-256, of one that is unpacked its manifest
dir=$1 sudo=$2 image=$3 how=$4
umask 077
[ "$how" = whole ] && into=$dir/parcel || { into=$dir/pipe && mkdir "$dir/tree" && mkfifo "$into"; } || exit 1
set -- ${sudo:+sudo -n} docker save "$image"
"$@" >"$into" &
saver=$!
echo "$saver" >"$dir/saving" # ends with the delivery, too
[ "$how" = whole ] || tar -xf "$into" -C "$dir/tree"
unpacked=$?
wait "$saver" && [ "$unpacked" = 0 ] && rm "$dir/saving" || exit 1
if [ "$how" = whole ]; then stat -c %s "$into" && sha256 <"$into"; else cat "$dir/tree/manifest.json"; fi
