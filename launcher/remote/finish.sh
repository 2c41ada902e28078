# run directory, epoch, exit code: the run is over. The directory keeps logs and checkpoints until it is cleaned, and
# what they are found by; where no rank has begun there is nothing to keep, and a cancelled run keeps nothing else.
fence "$1" "$2"
begun=
for log in "$1"/attempt-*/LOG*; do [ ! -e "$log/log.txt" ] || begun=yes; done
if [ -z "$begun" ]; then
    mv -T "$1" "${1%/*}/.removed-${1##*/}" && rm -rf "${1%/*}/.removed-${1##*/}"
    exit
fi
[ "$3" != 143 ] || rm -rf "$1"/attempt-*/scripts "$1"/attempt-*/state "$1"/attempt-*/rank_table.json
write "$1/finished" "$3"
