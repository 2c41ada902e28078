# directory: for secrets, readable by its owner alone
umask 077
mkdir -p "$1" && chmod 700 "$1"
