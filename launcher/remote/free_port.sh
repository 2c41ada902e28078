# ports…: the first of them that nothing on this host is bound to
used=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '{ split($2, a, ":"); print a[length(a)] }')
for port; do
    printf '%s\n' "$used" | grep -qx "$(printf '%04X' "$port")" || { printf '%s\n' "$port"; exit 0; }
done
die 1 "none of the ports tried is free: $*"
