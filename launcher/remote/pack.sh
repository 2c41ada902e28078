# directory, names…: those that exist, as a tar archive on standard output
cd "$1" || exit 1
shift
for name; do
    shift
    [ ! -e "$name" ] || set -- "$@" "$name"
done
[ "$#" -eq 0 ] || exec tar -cf - -- "$@"
