# run directory, epoch, exit code: the run is over; the directory keeps logs and checkpoints until it is cleaned
fence "$1" "$2"
write "$1/finished" "$3"
