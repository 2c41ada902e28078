# parcel, sudo or nothing: the engine takes a parcel that has been verified
if [ -n "$2" ]; then sudo -n docker load <"$1"; else docker load <"$1"; fi
