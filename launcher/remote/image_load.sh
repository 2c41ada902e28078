# parcel, sudo or nothing: the engine takes a parcel that has been verified
docker_as "$2" load <"$1"
