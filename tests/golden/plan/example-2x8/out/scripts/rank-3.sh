#!/bin/sh
# One member of a gang: starts the command in the background, hands signals on, waits, writes the exit code.
# It is started with LAUNCHER_RUN, LAUNCHER_RANK and LAUNCHER_ATTEMPT in its environment: it is known by them.
child= ending= interrupted=
end_command() { ending=1 interrupted=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null; }
trap end_command TERM INT # a background command ignores INT, so it gets TERM for both

log=/run/launcher/LOG3
states=/run/launcher/state
state=$states/3
lease=/run/launcher/lease
[ -d "$log/ms_log" ] || mkdir -p "$log/ms_log" || exit 126
exec >>"$log/log.txt" 2>&1 </dev/null || exit 126
cd "$log" || exit 126
[ -w "${HOME:-/}" ] || export HOME=/tmp # in a container whose image does not know the user, it is /

write() { # file, words: under another name first, so that nobody reads half of it
    file=$1 && shift && printf '%s\n' "$*" >"$file.tmp" && mv "$file.tmp" "$file"
}
look_at_clock() { # sets $now: seconds of the epoch, with what parts of them this date knows
    now=$(date +%s.%N)
    case $now in *N) now=${now%.*}.0 ;; esac
}
start_time() { # field 22 of /proc/<pid>/stat: with the pid and the boot id it names a process for good
    read -r line <"/proc/$1/stat" && set -- ${line##*) } && printf '%s' "${20}"
}
redacted() { # variables a line; what is called a secret, or stands before the host of a URL, is not shown
    env -0 | tr '\n\0' ' \n' | sort | sed -e 's#://[^/@ ]*@#://(redacted)@#g' \
        -e 's/^\([^=]*\([Tt][Oo][Kk][Ee][Nn]\|[Ss][Ee][Cc][Rr][Ee][Tt]\|[Pp][Aa][Ss][Ss]\|[Kk][Ee][Yy]\)[^=]*\)=.*/\1=(redacted)/'
}

read -r boot </proc/sys/kernel/random/boot_id
look_at_clock
started=${now%.*}
write "$state.pid" "$$ $(start_time $$) $boot $now"

size_noted=0
note_size() { # a line of log.index, for `launcher logs --since`: by this time log.txt had this size
    [ -s log.txt ] && size=$(($(wc -c <log.txt))) && [ "$size" != "$size_noted" ] || return 0
    size_noted=$size && printf '%s %s\n' "$(date +%s)" "$size" >>log.index
}
note_size

run_command() { # in a subshell: no variable of the job meets one of this script
    export RANK_ID=3
    export RANK_SIZE=16
    export LAUNCHER_LOCAL_RANKS=8
    export DEVICE_ID=0
    export RANK_TABLE_FILE=/run/launcher/rank_table.json
    export HCCL_CONNECT_TIMEOUT=600
    export HCCL_SOCKET_IFNAME=eth0
    export ASCEND_PROCESS_LOG_PATH=/run/launcher/LOG3/plog
    export LAUNCHER_LOG_DIR=/run/launcher/LOG3
    export LAUNCHER_KEEP_CHECKPOINTS=2
    export GLOG_log_dir=/run/launcher/LOG3/ms_log
    export GLOG_logtostderr=0
    redacted >env.log
    for launcher_cann in /usr/local/Ascend /home/HwHiAiUser/Ascend; do
        for launcher_cann in "$launcher_cann/cann" "$launcher_cann/ascend-toolkit"; do
            if [ -f "$launcher_cann/set_env.sh" ]; then . "$launcher_cann/set_env.sh"; break 2; fi
        done
    done
    launcher_driver=/usr/local/Ascend/driver/lib64 # not every set_env.sh knows of the driver
    launcher_driver=$launcher_driver:$launcher_driver/common:$launcher_driver/driver
    export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$launcher_driver"
    export PYTHONPATH=/home/admin/code"${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
    exec python -m tinybert.general_distill \
        --data=/home/admin/dataset/enwiki/tfrecord --teacher=/home/admin/teacher --output=/home/admin/output \
        --profile=base \
        --log-every=10 \
        --checkpoint-every=1000 \
        --keep-checkpoints="$LAUNCHER_KEEP_CHECKPOINTS" --resume
}
if [ -z "$ending" ]; then
    run_command & child=$!
    [ -z "$ending" ] || kill -TERM "$child" 2>/dev/null # it came before $child was known
fi

# Nobody may be watching: then this script ends its rank itself.
failed_here() {
    for file in "$states"/*.end; do
        [ -f "$file" ] && read -r code rest <"$file" && [ "$code" != 0 ] && return 0
    done
    return 1
}
reason_to_end() {
    renewed=$(stat -c %Y "$lease/renewed" 2>/dev/null || echo "$started")
    [ "$renewed" -ge "$started" ] || renewed=$started
    unattended=$(($(date +%s) - renewed))
    if [ "$unattended" -gt 300 ] && failed_here; then
        echo "no supervisor for $unattended s, and a rank of this host has failed"; return
    fi
    [ -z "$(find log.txt -size +1000000000c)" ] || echo "log.txt has passed limits.log_bytes," 1000000000
}
script_lives() { # gone, or dead and not yet buried
    { read -r line <"/proc/$$/stat"; } 2>/dev/null || return 1
    case ${line##*) } in [ZX]*) return 1 ;; esac
}
watch_over() {
    reason=
    while [ -z "$reason" ]; do
        sleep 5
        note_size
        script_lives || finish_group "its rank script was killed"
        reason=$(reason_to_end)
    done
    echo "launcher: ending this rank: $reason"
    write "$state.reason" "$reason"
    kill -TERM $$
    sleep 5
    finish_group "$reason"
}
finish_group() { # reason: the command has not ended by itself, or nobody waits for it
    write "$state.reason" "$1"
    write exit_code 137
    look_at_clock
    write "$state.end" "137 $now"
    kill -KILL 0
}
watch_over & watcher=$!

code=
while [ -n "$child" ]; do
    interrupted=
    wait "$child"; status=$?
    [ "$status" = 127 ] && [ -n "$code" ] || code=$status # 127 the second time: nothing is left to wait for
    [ -n "$interrupted" ] && [ "$code" -gt 128 ] || break # a signal ends the wait, not the command
done
code=${code:-143}
{ kill -KILL "$watcher" && wait "$watcher"; } 2>/dev/null # a TERM just after the fork would be lost
[ "$code" != 0 ] || [ ! -e "$state.reason" ] || code=143
note_size
write exit_code "$code"
look_at_clock
write "$state.end" "$code $now"
exit "$code"
