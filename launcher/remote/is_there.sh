# directory: exit code 0 where it is there
[ -d "$1" ]
