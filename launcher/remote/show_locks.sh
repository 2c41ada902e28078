# directory of locks, locks…: of those that are held, and not left by a run that is no more: name, run, since, owner
root=$1 && shift
for name; do
    [ -d "$root/$name" ] && ! is_stale "$root/$name" || continue
    printf '%s %s %s %s\n' "$name" "$(cat "$root/$name/run" 2>/dev/null || echo unknown)" \
        "$(cat "$root/$name/since" 2>/dev/null || echo 0)" "$(cat "$root/$name/owner" 2>/dev/null || echo unknown)"
done
