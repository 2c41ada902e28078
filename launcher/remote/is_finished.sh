# run directory: whether the run has ended and its supervisor has let go of it
[ -e "$1/finished" ] && echo yes || echo no
