# run directory, epoch, sudo or nothing, run: every container of the run goes, with its anonymous volumes
fence "$1" "$2"
by_sudo=$3
ids=$(containers_of "$4" "" --all) || die "$SILENT" "Docker does not answer: its containers are still there"
[ -z "$ids" ] || engine rm --force --volumes $ids >/dev/null || die 1 "containers of this run cannot be removed: $ids"
