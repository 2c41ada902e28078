# run directory, epoch, host script: start what a person could start by hand
fence "$1" "$2"
exec /bin/sh "$3"
