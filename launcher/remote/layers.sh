# Part of scripts that let Docker pull or push an image.
client=
said=$(mktemp -d) || exit 1
trap '[ -z "$client" ] || kill "$client" 2>/dev/null; rm -rf "$said"' EXIT
trap 'exit 1' HUP PIPE TERM
count() { grep -c -e "$1" "$said/out"; }
layers() { # what is said of a layer that is done, of any layer, command: `have DONE ALL` once a second; then its code
    done=$1 any=$2 && shift 2
    "$@" >"$said/out" 2>"$said/err" </dev/null &
    client=$!
    while kill -0 "$client" 2>/dev/null; do
        echo "have $(count "$done") $(count "$any")" || exit 1
        sleep 1
    done
    wait "$client"
    code=$? client=
    return "$code"
}
verdict() { # code: the last word of the script
    [ "$1" = 0 ] && echo done || echo "failed $(tr '\n' ' ' <"$said/err" | sed 's/ *$//')"
}
