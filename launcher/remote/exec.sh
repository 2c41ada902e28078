# yes or no for a terminal, sudo or nothing, run, attempt, key, command…: run it in that member's container
terminal=$1 by_sudo=$2 run=$3 attempt=$4 key=$5 && shift 5
id=$(containers_of "$run" "$attempt" --filter "label=launcher.rank=$key") || die 1 "Docker does not answer"
[ -n "$id" ] || die 1 "no container of rank $key runs"
[ "$terminal" = yes ] && terminal=--tty || terminal=
[ -z "$by_sudo" ] && docker version >/dev/null 2>&1 && exec docker exec --interactive $terminal "$id" "$@"
exec sudo -n docker exec --interactive $terminal "$id" "$@"
