# directory, names…: what is below those that are there: `directory <name>`, then of each regular file
# `<sha256> <size> <path>`, `left <path>` of what cannot be fetched, its name has a line break, last `problem <words>`
# for what cannot be read; what goes away meanwhile is none.
# A sum is of so many first bytes: a log may grow meanwhile.
cd "$1" || exit 1
shift
for name; do
    shift
    [ -L "$name" ] || [ ! -d "$name" ] || set -- "$@" "$name"
done
[ "$#" -gt 0 ] || exit 0
printf 'directory %s\n' "$@"
exec 3>&1
problems=$({
    find "$@" -name "*$newline*" -prune -exec ls -dq {} + | sed 's/^/left /' >&3
    find "$@" -name "*$newline*" -prune -o -type f -exec stat -c '%s %n' {} + |
        while IFS= read -r line; do
            size=${line%% *} path=${line#* }
            { sum=$(head -c "$size" | sha256sum); } <"$path" || continue
            printf '%s %s %s\n' "${sum%% *}" "$size" "$path"
        done >&3
} 2>&1 | sed -e '/: No such file\( or directory\)*$/d' -e 's/^launcher: \(line \)*[0-9]*: \(eval: \)*/problem /;t' \
    -e 's/^/problem /')
[ -z "$problems" ] || printf '%s\n' "$problems"
