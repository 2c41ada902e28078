# run directory, epoch, target directory, number of files, directories to make…: the files of a tar archive on
# standard input come below the target, each by rename
run_dir=$1 epoch=$2 target=$3 count=$4 && shift 4
fence "$run_dir" "$epoch"
mkdir -p "$target" "$@" && fresh=$(mktemp -d "$target/.put.XXXXXX") || exit 1
trap 'rm -rf "$fresh"' EXIT
cd "$fresh" && tar -xzf - || exit 1 # tar -C would read backslashes its own way
[ "$(find . -type f | wc -l)" -eq "$count" ] || die 1 "the files did not arrive whole" # tar takes half an archive
fence "$run_dir" "$epoch" # again: the archive may have been long on its way
find . -type f | while read -r name; do
    mkdir -p "$target/${name%/*}" && mv -f "$name" "$target/$name" || exit 1
done
