# run, attempt: number of processes of this attempt on this host
labelled "$1" "$2" | wc -l
