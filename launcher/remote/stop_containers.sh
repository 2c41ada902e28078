# run directory, epoch, sudo or nothing, state directory, run, attempt, TERM or KILL: as stop.sh, of containers. The first
# process of a container is signalled at once where this user may; Docker is asked to do the rest.
fence "$1" "$2"
by_sudo=$3 state=$4 run=$5 attempt=$6 signal=$7
unended() { # keys that have begun and not ended
    for record in "$state"/*.host "$state"/*.pid; do
        key=${record##*/} key=${key%.*}
        [ ! -e "$record" ] || [ -s "$state/$key.end" ] || printf '%s\n' "$key"
    done | sort -u
}
since=$(now) missed=
for key in $(unended); do
    [ -e "$state/$key.stop" ] || printf '%s\n' "$since" >"$state/$key.stop"
    alive "$state/$key.host" && kill "-$signal" "$pid" 2>/dev/null || missed=yes
done
[ "$signal" = KILL ] || [ -n "$missed" ] || exit 0 # Docker takes longer than all of this
living() { # $ids is what runs now; no answer does not mean none
    ids=$(containers_of "$run" "$attempt") || die "$SILENT" "Docker does not answer: containers may still run"
}
living && set -- $ids
if [ "$signal" != KILL ]; then
    [ "$#" -eq 0 ] || engine kill --signal "$signal" "$@" >/dev/null
    exit 0
fi

tries=0
while [ "$#" -gt 0 ]; do
    [ "$tries" -lt 60 ] || die 1 "containers of this run do not end: $*"
    engine kill "$@" >/dev/null
    tries=$((tries + 1))
    living && set -- $ids
    [ "$#" -eq 0 ] || sleep 0.1
done
for key in $(unended); do # who was killed could not write its exit code
    log=${state%/*}/$(log_of "$key")
    [ ! -d "$log" ] || write "$log/exit_code" 137
    write "$state/$key.end" "137 $(now)"
done
exit 0
