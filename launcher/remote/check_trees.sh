# What is in volumes, told so shortly that hosts can be compared: number and bytes of the files, a sum over names and
# sizes, a sum over both ends of some of them. `each` and `deep` also tell of single files.
ENDS=16384 MOST=512 SHOWN=5000 PATIENCE=20 # bytes of an end, files whose ends are read, lines, seconds

sum() {
    digest=$(sha256sum)
    printf '%s\n' "${digest%% *}"
}
picked() { # number: so many of the files that are listed, ended by NUL
    [ "$files" -gt 0 ] || return 0
    printf '%s\n' "$listed" |
        awk -v files="$files" -v most="$1" 'BEGIN { step = int((files + most - 1) / most) } NR % step == 0' |
        cut -d' ' -f2- | tr '\n' '\0'
}
ends_of() { # both ends of the files whose names come
    timeout "$patience" xargs -0 -r sh -c 'head -qc "$0" -- "$@" && tail -qc "$0" -- "$@"' "$ENDS"
}
ends_of_each() { # of the files whose names come: a sum over both ends, and the name
    timeout "$patience" xargs -0 -r sh -c 'for file; do
        printf "%s  %s\n" "$({ head -c "$0" -- "$file" && tail -c "$0" -- "$file"; } | sha256sum | cut -c1-64)" "$file"
    done' "$ENDS"
}
one_by_one() { # fact, lines: a fact for each that is no rest of a name with a line break, not too many
    printf '%s\n' "$2" | grep '^[\\0-9a-f][0-9a-f]*  *[.]/' | head -n "$SHOWN" | while IFS= read -r line; do fact "$1" "$number $line"; done
}
tree() { # number, path, mode
    number=$1 mode=$3 began=$(date +%s) patience=$PATIENCE
    [ "$mode" != deep ] || patience=$((30 * 24 * 3600))
    [ -r "$2" ] || return 0
    if [ -d "$2" ]; then kind=directory at=$2 name=.; else kind=file at=${2%/*}/ name=./${2##*/}; fi
    cd "$at" 2>/dev/null || return 0
    listed=$(timeout "$patience" find -L "$name" -type f -exec stat -L -c '%s %n' {} + 2>/dev/null | sort -k 2)
    set -- $(printf '%s\n' "$listed" | awk 'NF { files++; bytes += $1 } END { printf "%d %.0f", files, bytes }')
    files=$1 bytes=$2
    sums=''
    case $mode in
        ends) last=$(picked "$MOST" | ends_of 2>/dev/null | sum) ;;
        each) sums=$(picked "$MOST" | ends_of_each 2>/dev/null) && last=each ;;
        deep) sums=$(picked "$files" | xargs -0 -r sha256sum -- 2>/dev/null) && last=$(printf '%s\n' "$sums" | sum) ;;
    esac
    if [ $(($(date +%s) - began)) -ge "$patience" ]; then
        fact tree "$number slow"
        return 0
    fi
    [ "$mode" = ends ] || { one_by_one file_size "$listed" && one_by_one file_sum "$sums"; }
    fact tree "$number $kind $files $bytes $(printf '%s\n' "$listed" | sum) $last"
}
