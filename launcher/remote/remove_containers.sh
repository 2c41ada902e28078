# run directory, epoch, run: every container of the run goes, with its anonymous volumes
fence "$1" "$2"
ids=$(containers_of "$3" "" --all) || die 1 "Docker does not answer: its containers are still there"
[ -z "$ids" ] || engine rm --force --volumes $ids >/dev/null || die 1 "containers of this run cannot be removed: $ids"
