# npu-smi, hccn_tool, hccn.conf, version file of the driver, `sudo` or nothing: what a cluster file says of this host, a
# fact a line. NPUs are asked side by side; `said` and ANSWER are those of the check.
npu_smi=$1 hccn_tool=$2 hccn_conf=$3 version_file=$4 sudo=$5

engine_facts() {
    if words=$(docker_as "$sudo" version --format '{{.Server.Version}}' 2>/dev/null); then
        fact docker "$words"
        fact runtimes "$(docker_as "$sudo" info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' 2>/dev/null)"
    else
        fact no_docker "$(docker_as "$sudo" version --format '{{.Server.Version}}' 2>&1)"
    fi
}
addresses() { # those that stay, of interfaces that are up
    if words=$(ip -o addr show up scope global 2>&1); then
        printf '%s\n' "$words" | awk '!/ (temporary|deprecated|tentative|dadfailed)/ && ($3 == "inet" || $3 == "inet6") {
            print "address", $2, $4 }'
    else
        fact no_addresses "$words"
    fi
}
address_of() { # physical id: of the NPU's own port, of the sixth version where it has no other
    words=$(timeout "$ANSWER" "$hccn_tool" -i "$1" -ip -g 2>&1 </dev/null)
    case $words in
        *ipaddr*) ;;
        *)
            sixth=$(timeout "$ANSWER" "$hccn_tool" -i "$1" -ip -inet6 -g 2>&1 </dev/null)
            case $sixth in *ipaddr*) words=$sixth ;; esac
            ;;
    esac
    printf '%s\n' "$words" | sed "s/^/hccn_ip $1 /"
}
chip() { # physical id: which chip of which NPU it is, and its place in a super pod
    remap=$(timeout "$ANSWER" "$npu_smi" info -t phyid-remap -p "$1" 2>&1 </dev/null)
    printf '%s\n' "$remap" | sed "s/^/npu_remap $1 /"
    npu=$(printf '%s\n' "$remap" | sed -n 's/^[[:space:]]*NPU ID[[:space:]]*:[[:space:]]*\([0-9]*\)[[:space:]]*$/\1/p')
    number=$(printf '%s\n' "$remap" | sed -n 's/^[[:space:]]*Chip ID[[:space:]]*:[[:space:]]*\([0-9]*\)[[:space:]]*$/\1/p')
    [ -z "$npu" ] || [ -z "$number" ] || said "npu_spod $1" "$npu_smi" info -t spod-info -i "$npu" -c "$number"
}
find_npu_smi() { # the driver puts it into one of two places
    for place in "$npu_smi" /usr/local/bin/npu-smi /usr/local/sbin/npu-smi; do
        [ ! -x "$place" ] || { npu_smi=$place && return; }
    done
}
npus() {
    find_npu_smi
    for node in /dev/davinci[0-9]*; do
        number=${node#/dev/davinci}
        case $number in *[!0-9]*) continue ;; esac
        [ -e "$node" ] || continue
        fact node "$number $(stat -L -c %g "$node")"
        address_of "$number" &
        chip "$number" &
    done
    for part in /dev/dvpp_cmdlist /var/queue_schedule; do
        [ ! -e "$part" ] || fact driver_part "$part"
    done
    if [ -e "$npu_smi" ] || [ -e /dev/davinci_manager ]; then
        fact npu_smi_at "$npu_smi"
        said npu_smi "$npu_smi" info &
        said npu_map "$npu_smi" info -m &
        [ ! -r "$hccn_conf" ] || said hccn_conf cat "$hccn_conf"
        fact driver "$(sed -n 's/^Version=//p' "$version_file" 2>/dev/null | head -n 1)"
    fi
}

fact machine "$(uname -m)"
addresses
npus
engine_facts
wait
