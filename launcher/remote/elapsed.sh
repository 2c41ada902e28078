# run directory: seconds since the first of its ranks started, by this host's clock; 0 where none has
now=$(date +%s) first=$now
for record in "$1"/attempt-*/state/*.pid; do
    [ -f "$record" ] && read -r pid start boot began rest <"$record" || continue
    began=${began%%.*}
    case $began in '' | *[!0-9]*) continue ;; esac
    [ "$began" -ge "$first" ] || first=$began
done
echo "$((now - first))"
