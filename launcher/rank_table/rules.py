"""Every rule of a rank table: severity, what HCCL answers when it is broken, and the remedy.

Sources: the HCCL user guide (rank table of 910, A2, A3; constraints), the rank table parser of hcomm
(``topoinfo_ranktableConcise.cc``, ``hccl_communicator_attrs.cc``), MindSpore's rank table tutorial. An HCCL
answer without a code is a parse error that only the plog explains. The codes differ between CANN versions.
"""

from __future__ import annotations

from typing import NamedTuple

from launcher.rank_table.finding import Severity


class Rule(NamedTuple):
    """``hccl`` is empty where no check of HCCL is known: the rule is documented, or only speed is lost."""

    severity: Severity
    hccl: str
    remedy: str


_PARSE = "EI0004 Failed to parse the ranktable file"
_MISSING = "EI0017 Config is missing in the ranktable file"
_VALUE = "EI0014 Value for ranktable variable is invalid"
_PLOG = "parse error, reason only in the plog"
_REGENERATE = "Render the table again from the cluster file"
_HCCN = "Take the addresses from /etc/hccn.conf (address_<device_id>) of each host"
_SDID = "Take the SDID from `npu-smi info -t spod-info -i <npu> -c <chip>`"
_ONE_ENTRY = "List each host once, with all its devices, however many containers run on it"

_TEXT_RULES = {
    "json-syntax": Rule("error", _PARSE, "Mend the JSON here"),
    "json-comment": Rule("error", _PARSE, "Delete the comment: JSON has none"),
    "json-duplicate-key": Rule("error", "the last value silently wins", "Delete one of the two"),
    "root-object": Rule("error", _PARSE, "Start the file with { and the keys status, version, server_list"),
    "group-list": Rule("error", "", "Convert it to version 1.0 with `launcher rank-table convert`"),
    "group-list-count": Rule("error", _VALUE, "Wait until the platform has written the whole file"),
    "version-unsupported": Rule("error", "", "Use version 1.0 or 1.2; version 2.0 is for Ascend 950"),
    "key-missing": Rule("error", _MISSING, "Add the key"),
    "value-type": Rule("error", _PARSE, "Give a value of the expected type"),
    "value-not-string": Rule(
        "error", f"{_PARSE}, most likely", "Put the value in double quotes: HCCL reads strings only"
    ),
    "number-decimal": Rule("error", _VALUE, "Give a decimal number from 0 to 4294967295, as a string"),
    "status-completed": Rule("error", "", "Wait until the writer of the file sets status to completed"),
    "server-count-absent": Rule("warning", "a warning; older versions refuse it", "Add server_count"),
    "server-count": Rule("error", _VALUE, "Set server_count to the number of entries in server_list"),
}

_SERVER_RULES = {
    "server-list-empty": Rule("error", _VALUE, "List at least one server"),
    "server-id-empty": Rule("error", _PLOG, "Name the server, by its address on the training network"),
    "server-id-length": Rule("error", _PLOG, "Shorten it to 64 bytes"),
    "server-id-duplicate": Rule("error", _PLOG, _ONE_ENTRY),
    "server-entries-agree": Rule("error", "", "Give all ranks of a host the same host_ip and super pod"),
    "server-address-unknown": Rule("error", "", "Add the server to the address map"),
    "host-ip-valid": Rule("error", _PLOG, "Give one literal IPv4 or IPv6 address"),
    "host-ip-duplicate": Rule("warning", "one host is taken for two servers", _ONE_ENTRY),
    "device-list-empty": Rule("error", "deviceList size is zero", "List a device, or drop the server"),
    "device-count-910": Rule("error", _VALUE, "Use 1, 2, 4 or 8 devices of each server"),
    "device-half-910": Rule("error", "", "Take 2 or 4 devices from 0-3, or from 4-7, not from both"),
    "device-count-equal-910": Rule("error", "", "Use equally many devices of each server"),
    "device-count-equal": Rule("warning", "", "Use equally many devices of each server, for speed"),
}

_DEVICE_RULES = {
    "device-id-range": Rule("error", _PLOG, "Use the N of /dev/davinciN; HCCL does not support vNPUs"),
    "device-id-duplicate": Rule("error", "", "Give each rank its own device, or its own device_port"),
    "device-ip-required": Rule("error", f"{_VALUE}: 'device_ip' is not set correctly", _HCCN),
    "device-ip-valid": Rule("error", _PLOG, f"{_HCCN}; several are separated by commas without spaces"),
    "device-ip-duplicate": Rule("error", _PLOG, _HCCN),
    "device-ip-count": Rule("error", _PLOG, "Give each device equally many addresses"),
    "device-ip-family": Rule("error", "EI0001 device ip family is not same", "Use only IPv4, or only IPv6"),
    "backup-device-ip": Rule("error", _PLOG, "Name the address and a free port of the same NPU's other die"),
    "port-range": Rule("error", _PLOG, "Use a port from 1 to 65535, best above 1023"),
}

_RANK_RULES = {
    "rank-id-duplicate": Rule("error", f"{_VALUE}: rank_id", _REGENERATE),
    "rank-id-contiguous": Rule("error", f"{_VALUE}: rank_id", "Number the ranks 0, 1, 2, ... without a gap"),
    "rank-id-interleaved": Rule("error", "", "Number all ranks of one server, then those of the next"),
    "rank-server-order": Rule("warning", "", "Number the ranks in the order of server_id as strings"),
    "rank-device-order": Rule("warning", "", "Number the ranks of a server in the order of device_id"),
}

_SUPER_POD_RULES = {
    "version-chip": Rule("error", _VALUE, "Use version 1.0: 1.2 is for A3 super pods (ascend910_93)"),
    "super-pod-ignored": Rule("warning", "ignored under version 1.0", "Set version to 1.2, or drop the key"),
    "super-pod-list-absent": Rule("warning", "AI-server mode", "Set version to 1.0, or add super_pod_list"),
    "super-pod-id-empty": Rule("error", _VALUE, "Name the super pod, by its physical id or any other name"),
    "super-pod-id-duplicate": Rule("error", _PLOG, "Join the entries, or rename one"),
    "super-pod-empty": Rule("error", "counted as a super pod", "List the super pod's servers, or drop it"),
    "super-pod-server-unknown": Rule("error", _VALUE, "Name a server_id of the root's server_list"),
    "super-pod-server-repeated": Rule("error", "", "List each server in one super pod, once"),
    "super-pod-server-missing": Rule("error", _PLOG, "List each server in a super pod"),
    "super-pod-contiguous": Rule(
        "error", "", "List and number a super pod's servers together: choose server_ids that sort so"
    ),
    "super-pod-size": Rule("warning", "", "Use equally many servers and devices of each super pod"),
    "super-device-id-missing": Rule("error", "EI0004 super_device_id[] is invalid", _SDID),
    "super-device-id-decimal": Rule("error", _VALUE, _SDID),
    "super-device-id-layout": Rule("error", f"{_VALUE}: differs from the driver's SDID", _SDID),
    "super-device-id-device": Rule("error", f"{_VALUE}: differs from the driver's SDID", _SDID),
    "super-device-id-duplicate": Rule("error", _PLOG, _SDID),
    "super-device-id-server": Rule("error", f"{_VALUE}: differs from the driver's SDID", _ONE_ENTRY),
}

RULES: dict[str, Rule] = {
    **_TEXT_RULES,
    **_SERVER_RULES,
    **_DEVICE_RULES,
    **_RANK_RULES,
    **_SUPER_POD_RULES,
}
"""Rule by id."""
