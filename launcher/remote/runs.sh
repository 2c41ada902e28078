# work directory: each run that has left something here: run, epoch, age of the lease, exit code or -, latest attempt, live processes, owner
exit_code_in() { # file; - where there is none: a host that lost power may leave an empty one
    code=
    { read -r code <"$1"; } 2>/dev/null
    case $code in '' | *[!0-9]*) code=- ;; esac
    printf '%s\n' "$code"
}
live_containers() { # their runs, a line each
    ! command -v docker >/dev/null || engine ps --filter label=launcher.run --format '{{.Label "launcher.run"}}'
}
live=$(live_containers) live_by_sudo=
! grep -qs ^sudo "$1"/runs/*/lease/runtime || live_by_sudo=$(by_sudo=sudo && live_containers)
for run_dir in "$1"/runs/*; do
    [ -d "$run_dir" ] || continue
    epoch=$(highest_epoch "$run_dir") attempt=0
    know_runtime "$run_dir"
    [ -n "$by_sudo" ] && here=$live_by_sudo || here=$live
    living=$(printf '%s\n' "$here" | grep -cxF -e "${run_dir##*/}")
    for directory in "$run_dir"/attempt-*; do
        number=${directory##*/attempt-}
        case $number in '' | *[!0-9]*) continue ;; esac
        [ ! -f "$directory/plan.json" ] || [ "$number" -le "$attempt" ] || attempt=$number # of a shell there is none
        for record in "$directory"/state/*.pid; do alive "$record" && living=$((living + 1)); done
    done
    printf '%s %s %s %s %s %s %s\n' "${run_dir##*/}" "$epoch" "$(age_of "$run_dir/lease/renewed")" \
        "$(exit_code_in "$run_dir/finished")" "$attempt" "$living" \
        "$(cat "$run_dir/lease/epoch-$epoch/owner" 2>/dev/null)"
done
