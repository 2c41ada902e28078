# run directory: whether the run has ended and its supervisor has let go of it; or gone, where nothing of it is there
[ -d "$1" ] || { echo gone; exit 0; }
[ -s "$1/finished" ] && echo yes || echo no
