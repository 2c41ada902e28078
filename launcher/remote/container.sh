# sudo or nothing, run, attempt, key: the id of that member's container, nothing where none runs
by_sudo=$1
containers_of "$2" "$3" --filter "label=launcher.rank=$4" || exit 1
