#!/bin/sh
# Starts this host's members of the gang as process groups, each in a session of its own.
# The launcher runs it; a person can, too: what it starts is found by LAUNCHER_RUN in its environment, and what
# runs already is left alone.
mkdir -p /var/tmp/launcher-@UID@/runs/@RUN@/lease /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/state /var/tmp/launcher-@UID@/runs/@RUN@/ckpt /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG_SCHED/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG0/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG1/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG2/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG3/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG4/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG5/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG6/ms_log /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/LOG7/ms_log || exit 1
PATH=/opt/venv/bin:$PATH
states=/var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/state
started=

start() { # key, script, then what the process is known by
    key=$1 script=$2 && shift 2
    [ ! -e "$states/$key.pid" ] || return 0
    env -i HOME="${HOME:-/}" PATH="$PATH" LANG=C.UTF-8 "$@" setsid /bin/sh "$script" &
    started="$started $!:$key"
}
wait_for_record() { # pid, key
    while [ ! -e "$states/$2.pid" ]; do
        kill -0 "$1" 2>/dev/null || [ -e "$states/$2.pid" ] || { echo "$2 did not start" >&2; return 1; }
        sleep 0.05
    done
}
start scheduler /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/scheduler.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=scheduler LAUNCHER_ATTEMPT=@ATTEMPT@
start 0 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-0.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=0 LAUNCHER_ATTEMPT=@ATTEMPT@
start 1 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-1.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=1 LAUNCHER_ATTEMPT=@ATTEMPT@
start 2 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-2.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=2 LAUNCHER_ATTEMPT=@ATTEMPT@
start 3 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-3.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=3 LAUNCHER_ATTEMPT=@ATTEMPT@
start 4 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-4.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=4 LAUNCHER_ATTEMPT=@ATTEMPT@
start 5 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-5.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=5 LAUNCHER_ATTEMPT=@ATTEMPT@
start 6 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-6.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=6 LAUNCHER_ATTEMPT=@ATTEMPT@
start 7 /var/tmp/launcher-@UID@/runs/@RUN@/attempt-@ATTEMPT@/scripts/rank-7.sh LAUNCHER_RUN=@RUN@ LAUNCHER_RANK=7 LAUNCHER_ATTEMPT=@ATTEMPT@
for one in $started; do
    wait_for_record "${one%%:*}" "${one#*:}" || exit 1
done
