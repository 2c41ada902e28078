# run directory, epoch, owner, runtime: claim the lease; making the directory of an epoch is atomic
mkdir -p "$1/lease" || exit 1
home=/var/tmp/launcher-$(id -u) # anybody may have made it before us, to put scripts there that we would run
case $1 in "$home"/*) [ -O "$home" ] && [ ! -L "$home" ] || die 1 "$home belongs to somebody else" ;; esac
[ "$(highest_epoch "$1")" -lt "$2" ] && mkdir "$1/lease/epoch-$2" 2>/dev/null ||
    die "$FENCED" "the lease of this run has epoch $(highest_epoch "$1") already"
write "$1/lease/runtime" "$4" && write "$1/lease/epoch-$2/owner" "$3" && write "$1/lease/renewed" "$(date +%s)" || exit 1
for environ in $(grep -lsF "LAUNCHER_FENCE=${1##*/}:" /proc/[0-9]*/environ); do # no late word of a former owner
    pid=${environ#/proc/} pid=${pid%/environ}
    carries "$environ" "LAUNCHER_FENCE=${1##*/}:$2" || kill -KILL "$pid" 2>/dev/null
done
exit 0
