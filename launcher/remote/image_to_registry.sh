# sudo or nothing, image, name at the registry: the engine pushes it, with the login that this user has
docker_() { if [ -n "$1" ]; then shift && sudo -n docker "$@"; else shift && docker "$@"; fi; }
docker_ "$1" tag "$2" "$3" && docker_ "$1" push "$3" >/dev/null
code=$?
docker_ "$1" rmi "$3" >/dev/null 2>&1
exit "$code"
