# sudo or nothing, name of a container, words that run it…: it goes when it ends, or when contact is lost
by_sudo=$1 name=$2 && shift 2
trap 'engine rm --force --volumes "$name" >/dev/null' EXIT
trap 'exit 129' HUP INT TERM
"$@"
