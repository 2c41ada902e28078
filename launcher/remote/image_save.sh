# directory, sudo or nothing, image, whole or unpacked: an image as the engine saves it. Output: of a whole one its size and
# SHA-256, of one that is unpacked its manifest
dir=$1 sudo=$2 image=$3 how=$4
umask 077
save() { docker_as "$sudo" save "$image"; }
if [ "$how" = whole ]; then
    save >"$dir/parcel" && stat -c %s "$dir/parcel" && sha256 <"$dir/parcel"
else
    mkdir "$dir/tree" && save | tar -xf - -C "$dir/tree" && cat "$dir/tree/manifest.json"
fi
