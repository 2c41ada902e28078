# yes or no for a terminal, run, attempt, key, command…: run it in that member's container
terminal=$1 run=$2 attempt=$3 key=$4 && shift 4
id=$(containers_of "$run" "$attempt" --filter "label=launcher.rank=$key")
[ -n "$id" ] || die 1 "no container of rank $key runs"
[ "$terminal" = yes ] && terminal=--tty || terminal=
docker version >/dev/null 2>&1 && exec docker exec --interactive $terminal "$id" "$@"
exec sudo -n docker exec --interactive $terminal "$id" "$@"
