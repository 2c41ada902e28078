# path: exit code 0 where it is there
[ -e "$1" ]
