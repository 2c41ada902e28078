# run directory: epoch, seconds since it was renewed by this host's clock, owner
epoch=$(highest_epoch "$1")
printf '%s %s %s\n' "$epoch" "$(age_of "$1/lease/renewed")" "$(cat "$1/lease/epoch-$epoch/owner" 2>/dev/null)"
