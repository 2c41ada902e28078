# name of a container, words that run it…: it goes when it ends, or when contact is lost
name=$1 && shift
trap 'engine rm --force --volumes "$name" >/dev/null' EXIT
trap 'exit 129' HUP INT TERM
"$@"
