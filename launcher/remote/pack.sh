# directory, names…: those that exist, as a tar archive on standard output
cd "$1" || exit 1
shift
for name; do
    shift
    [ ! -e "$name" ] || set -- "$@" "$name"
done
[ "$#" -gt 0 ] || exit 0
exec 3>&1
said=$(LC_ALL=C tar -cf - -- "$@" 2>&1 >&3) && exit 0
code=$?
# that ranks write and delete files meanwhile is no error: the archive is whole, with what was there
printf '%s\n' "$said" | grep -v -e ': file changed as we read it$' -e ': File removed before we read it$' >&2 || exit 0
exit "$code"
