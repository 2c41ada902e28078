# sudo or nothing, image: the engine pulls an image from its registry, with the login that this user has there. Output, one
# a second: `have LAYERS ALL`; at the end `done`, or `failed REASON`
client=
said=$(mktemp -d) || exit 1
trap '[ -z "$client" ] || kill "$client" 2>/dev/null; rm -rf "$said"' EXIT
trap 'exit 1' HUP PIPE TERM
set -- ${1:+sudo -n} docker pull "$2"
"$@" >"$said/out" 2>"$said/err" </dev/null &
client=$!
count() { grep -c -e "$1" "$said/out"; }
while kill -0 "$client" 2>/dev/null; do
    echo "have $(count 'Pull complete\|Already exists') $(count 'Pulling fs layer\|Already exists')" || exit 1
    sleep 1
done
wait "$client"
code=$? client=
[ "$code" = 0 ] && echo done || echo "failed $(tr '\n' ' ' <"$said/err" | sed 's/ *$//')"
