# sudo or nothing, image, name at the registry: the engine pushes it, with the login that this user has
[ "$2" = "$3" ] || docker_as "$1" tag "$2" "$3" || exit 1
docker_as "$1" push "$3" >/dev/null
code=$?
[ "$2" = "$3" ] || docker_as "$1" rmi "$3" >/dev/null 2>&1
exit "$code"
