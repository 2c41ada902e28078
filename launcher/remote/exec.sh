# yes or no for a terminal, sudo or nothing, id of a container, command…: run it in there
terminal=$1 by_sudo=$2 id=$3 && shift 3
[ "$terminal" = yes ] && terminal=--tty || terminal=
[ -z "$by_sudo" ] && docker version >/dev/null 2>&1 && exec docker exec --interactive $terminal "$id" "$@"
exec sudo -n docker exec --interactive $terminal "$id" "$@"
