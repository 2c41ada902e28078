# sudo or nothing, image, name at the registry: the engine pushes it, with the login that this user has; output as that of a
# pull
[ "$2" = "$3" ] || docker_as "$1" tag "$2" "$3" 2>"$said/err" || { verdict 1 && exit; }
layers 'Pushed\|already exists\|Mounted from' 'Preparing' ${1:+sudo -n} docker push "$3"
code=$?
[ "$2" = "$3" ] || docker_as "$1" rmi "$3" >/dev/null 2>&1
verdict "$code"
