# run directory, epoch, secrets file: it goes with its directory, which is the run's
fence "$1" "$2"
rm -rf "${3%/*}"
