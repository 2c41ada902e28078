# sudo or nothing, image, name: the engine pulls an image from its registry and gives it the name that jobs say
docker_as "$1" pull --quiet "$2" >/dev/null || exit 1
[ "$2" = "$3" ] || { docker_as "$1" tag "$2" "$3" && docker_as "$1" rmi "$2" >/dev/null; }
