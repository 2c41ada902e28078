# sudo or nothing, image, name: the engine pulls an image from its registry and gives it the name that jobs say
docker_() { if [ -n "$1" ]; then shift && sudo -n docker "$@"; else shift && docker "$@"; fi; }
docker_ "$1" pull --quiet "$2" >/dev/null || exit 1
[ "$2" = "$3" ] || { docker_ "$1" tag "$2" "$3" && docker_ "$1" rmi "$2" >/dev/null; }
