# run directory, epoch, owner, runtime: claim the lease; giving the directory of an epoch its name is atomic
mkdir -p "$1/lease" || exit 1
home=/var/tmp/launcher-$(id -u) # anybody may have made it before us, to put scripts there that we would run
case $1 in "$home"/*) [ -O "$home" ] && [ ! -L "$home" ] || die 1 "$home belongs to somebody else" ;; esac
fresh=$1/lease/.epoch-$2.$$ # made aside, so that no epoch is without its owner, not on a full disk either
rm -rf "$fresh" && mkdir "$fresh" && write "$fresh/owner" "$3" && write "$1/lease/runtime" "$4" ||
    { rm -rf "$fresh"; rmdir "$1/lease" "$1" 2>/dev/null; die 1 "no lease can be taken in $1"; } # of a first one nothing stays
[ "$(highest_epoch "$1")" -lt "$2" ] && mv -T "$fresh" "$1/lease/epoch-$2" 2>/dev/null || {
    rm -rf "$fresh"
    die "$FENCED" "the lease of this run has epoch $(highest_epoch "$1") already"
}
touch "$1/lease/renewed" || exit 1
for environ in $(grep -lsF "LAUNCHER_FENCE=${1##*/}:" /proc/[0-9]*/environ); do # no late word of a former owner
    pid=${environ#/proc/} pid=${pid%/environ}
    carries "$environ" "LAUNCHER_FENCE=${1##*/}:$2" || kill -KILL "$pid" 2>/dev/null
done
exit 0
