# run directory: whether the run has ended and its supervisor has let go of it
[ -s "$1/finished" ] && echo yes || echo no
