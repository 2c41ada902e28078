# run directory, epoch, state directory, run, attempt, TERM or KILL: end every member of this attempt on this host
fence "$1" "$2"
state=$3 run=$4 attempt=$5 signal=$6
for record in "$state"/*.pid; do
    key=${record##*/} key=${key%.pid}
    [ -e "$record" ] && [ ! -s "$state/$key.end" ] || continue
    [ -e "$state/$key.stop" ] || write "$state/$key.stop" "$(now)"
    [ "$signal" = KILL ] || { alive "$record" && kill -TERM "$pid" 2>/dev/null; }
done
[ "$signal" = KILL ] || exit 0

tries=0
while pids=$(labelled "$run" "$attempt") && [ -n "$pids" ]; do
    [ "$tries" -lt 100 ] || die 1 "processes $(echo $pids) of this run do not end"
    kill -KILL $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.05
done
for record in "$state"/*.pid; do # who was killed could not write its exit code
    key=${record##*/} key=${key%.pid}
    [ -e "$record" ] && [ ! -s "$state/$key.end" ] || continue
    log=${state%/*}/$(log_of "$key")
    [ ! -d "$log" ] || write "$log/exit_code" 137
    write "$state/$key.end" "137 $(now)"
done
exit 0
