# sudo or nothing, image, another name or nothing: it is called that alone
[ -z "${3:-}" ] || [ "$2" = "$3" ] || docker_as "$1" tag "$2" "$3" || exit 1
[ "$2" = "${3:-}" ] || docker_as "$1" rmi "$2" >/dev/null
