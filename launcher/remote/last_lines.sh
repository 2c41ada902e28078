# files…: the last line of each; an empty one for what is not there
for file; do printf '%s\n' "$(tail -n 1 "$file" 2>/dev/null)"; done
