# What the driver's tools say, each line under a name of its own. NPUs are asked side by side.
ANSWER=20 PINGING=60 # seconds: for one answer; for all pings of an NPU

said() { # name, command…: what it says, a line at a time, so that lines of several stay whole
    name=$1 && shift
    rest=$(timeout "$ANSWER" "$@" 2>&1 </dev/null)
    while [ -n "$rest" ]; do
        printf '%s %s\n' "$name" "${rest%%"$newline"*}"
        case $rest in *"$newline"*) rest=${rest#*"$newline"} ;; *) rest='' ;; esac
    done
}
port() { # physical id, questions…: of its own network
    device=$1 && shift
    for what; do
        case $what in
            ip6) said "hccn_ip $device" "$hccn_tool" -i "$device" -ip -inet6 -g ;;
            *) said "hccn_$what $device" "$hccn_tool" -i "$device" "-$what" -g ;;
        esac
    done
}
pings() { # kind, physical id, addresses…: in turn; those for which no time is left are not asked
    kind=$1 device=$2 && shift 2
    [ "$#" -lt 2 ] || end=$(($(date +%s) + PINGING))
    while [ "$#" -gt 0 ]; do
        case $1 in
            *:*) said "hccn_ping $device $1" "$hccn_tool" -i "$device" -ping -inet6 -g ipv6_address "$1" ;;
            *) said "hccn_ping $device $1" "$hccn_tool" -i "$device" -ping -g address "$1" ;;
        esac
        shift
        [ "$#" -eq 0 ] || [ "$kind" = deep_pings ] || [ "$(date +%s)" -lt "$end" ] || break
    done
    for address; do fact hccn_unasked "$device $address"; done
}
addresses_in() { # hccn.conf: of NPUs
    fact hccn_conf ''
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in *address_*) fact hccn_conf "$line" ;; esac
    done 2>/dev/null <"$1" || fact hccn_conf_refusal "$(cat "$1" 2>&1 >/dev/null)"
}
ask_npu() { # kind, value
    case $1 in
        npu_smi) said npu_smi "$2" info & ;;
        map) said npu_map "$2" info -m & ;;
        remap) said "npu_remap ${2%% *}" "${2#* }" info -t phyid-remap -p "${2%% *}" & ;;
        hccn_conf) [ ! -e "$2" ] || addresses_in "$2" ;;
        hccn_tool) hccn_tool=$2 ;;
        npu) port $2 & ;;
        pings | deep_pings) pings "$1" $2 & ;;
    esac
}
