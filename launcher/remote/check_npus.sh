# What the driver's tools say, each line under a name of its own. NPUs are asked side by side.
ANSWER=20 # seconds

said() { # name, command…: what it says, a line at a time, so that lines of several stay whole
    name=$1 && shift
    timeout "$ANSWER" "$@" 2>&1 </dev/null |
        while IFS= read -r line || [ -n "$line" ]; do printf '%s %s\n' "$name" "$line"; done
}
ask_npu() { # kind, value
    case $1 in
        npu_smi)
            npu_smi=$2
            { said npu_smi "$2" info && said npu_map "$2" info -m; } &
            ;;
        hccn_conf) [ ! -e "$2" ] || { fact hccn_conf "" && said hccn_conf cat "$2"; } ;;
        hccn_tool) hccn_tool=$2 ;;
        npu)
            said "npu_remap $2" "$npu_smi" info -t phyid-remap -p "$2" &
            for what in ip link net_health tls; do
                said "hccn_$what $2" "$hccn_tool" -i "$2" "-$what" -g
            done &
            ;;
        ping) said "hccn_ping $2" "$hccn_tool" -i "${2%% *}" -ping -g address "${2#* }" & ;;
    esac
}
