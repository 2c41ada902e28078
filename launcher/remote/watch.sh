# state directory, seconds between looks, keys…: a line for each change, a beat now and then, until all have ended
state=$1 nap=$2 && shift 2
look_at() { # key
    if [ -s "$state/$1.end" ]; then # a host that lost power may leave an empty one
        read -r code time rest <"$state/$1.end"
        how=own && [ ! -e "$state/$1.stop" ] || how=stopped
        printf 'end %s %s %s %s %s\n' "$1" "$code" "$time" "$how" "$(cat "$state/$1.reason" 2>/dev/null)"
    elif alive "$state/$1.pid"; then
        say_running "$1" "$pid"
        return 1
    elif [ ! -e "$state/$1.pid" ]; then
        printf 'absent %s\n' "$1"
    elif [ -s "$state/$1.end" ]; then
        return 1 # it ended between the two looks
    else
        how=own && [ ! -e "$state/$1.stop" ] || how=stopped
        [ "$boot" = "$boot_id" ] && why=vanished || why=rebooted
        printf 'gone %s %s %s %s\n' "$1" "$(now)" "$how" "$why"
    fi
}
watch_all "$nap" "$@"
