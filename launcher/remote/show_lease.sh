# run directory: epoch, seconds since it was renewed by this host's clock, owner
epoch=$(highest_epoch "$1")
renewed=$(cat "$1/lease/renewed" 2>/dev/null || echo 0)
printf '%s %s %s\n' "$epoch" "$(($(date +%s) - renewed))" "$(cat "$1/lease/epoch-$epoch/owner" 2>/dev/null)"
