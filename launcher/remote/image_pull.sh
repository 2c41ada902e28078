# sudo or nothing, image: the engine pulls an image from its registry, with the login that this user has there
docker_as "$1" pull --quiet "$2" >/dev/null
