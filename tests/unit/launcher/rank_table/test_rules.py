"""Each rule alone: a sound table, changed so that it breaks this rule and no other."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from launcher.rank_table import Chip, check
from launcher.rank_table.rules import RULES

REMOVE = ...


class Case(NamedTuple):
    """``changes``: new values by key path of the ``base`` table; ``path``: where the finding points."""

    rule: str
    base: str
    changes: dict[str, Any]
    path: str
    chip: Chip | None = None


def device(device_id: int, rank: int, **more: str) -> dict[str, str]:
    address = f"172.30.0.{rank + 1}"
    return {"device_id": str(device_id), "device_ip": address, **more, "rank_id": str(rank)}


def servers(*names: str) -> list[dict[str, str]]:
    return [{"server_id": name} for name in names]


D07 = "server_list[0].device[7]"
D13 = "server_list[1].device[3]"
D10 = "server_list[1].device[0]"
POD1 = "super_pod_list[1]"
TWO_HALVES = {"server_list[0].device": [device(d, r) for r, d in enumerate((2, 3, 4, 5))]}
SHORT_SECOND = {"server_list[1].device": [device(d, 8 + d) for d in range(4)]}
SECOND_HALF = [
    device(d, d, super_device_id=str(7 << 22 | d // 2 << 18 | d % 2 << 16 | d)) for d in range(4, 8)
]

TEXT_CASES = [
    *(
        Case("key-missing", "two_servers", {path: REMOVE}, path)
        for path in (
            "status",
            "version",
            "server_list",
            "server_list[1].server_id",
            "server_list[1].device",
            f"{D13}.device_id",
            f"{D13}.rank_id",
        )
    ),
    *(
        Case("key-missing", "two_super_pods", {path: REMOVE}, path)
        for path in (f"{POD1}.super_pod_id", f"{POD1}.server_list", f"{POD1}.server_list[1].server_id")
    ),
    Case("value-type", "two_servers", {"server_list": {}}, "server_list"),
    Case("value-type", "two_servers", {"server_list[1].device": "0,1"}, "server_list[1].device"),
    Case("value-type", "two_servers", {D13: "3"}, D13),
    Case("value-type", "one_server", {f"{D07}.device_ip": None}, f"{D07}.device_ip"),
    Case("value-type", "one_server", {"status": True}, "status"),
    Case("value-type", "one_server", {"status": ["completed"]}, "status"),
    Case("value-not-string", "two_servers", {"server_count": 2}, "server_count"),
    Case("value-not-string", "two_servers", {f"{D13}.rank_id": 11}, f"{D13}.rank_id"),
    *(
        Case("number-decimal", "two_servers", {f"{D13}.rank_id": text}, f"{D13}.rank_id")
        for text in ("", "-1", "0xb", "11.0", " 11", "１１", "4294967296", "1" * 5000)
    ),
    Case("number-decimal", "two_servers", {f"{D13}.device_id": "three"}, f"{D13}.device_id"),
    Case("number-decimal", "two_servers", {"server_count": "two"}, "server_count"),
    Case("number-decimal", "two_servers", {f"{D13}.device_port": "http"}, f"{D13}.device_port"),
    Case("status-completed", "one_server", {"status": "initializing"}, "status"),
    Case("server-count-absent", "one_server", {"server_count": REMOVE}, "server_count"),
    Case("server-count", "two_servers", {"server_count": "3"}, "server_count"),
    Case("server-count", "two_servers", {"server_count": "0"}, "server_count"),
    Case("version-unsupported", "one_server", {"version": "2.0"}, "version"),
    Case("version-unsupported", "one_server", {"version": "1.1"}, "version"),
    Case("group-list", "one_server", {"group_list": [], "server_list": REMOVE}, "group_list"),
]

SERVER_CASES = [
    Case("server-list-empty", "one_server", {"server_list": [], "server_count": "0"}, "server_list"),
    Case("server-id-empty", "one_server", {"server_list[0].server_id": ""}, "server_list[0].server_id"),
    Case(
        "server-id-length", "one_server", {"server_list[0].server_id": "n" * 65}, "server_list[0].server_id"
    ),
    Case(
        "server-id-length", "one_server", {"server_list[0].server_id": "节" * 22}, "server_list[0].server_id"
    ),
    Case(
        "server-id-duplicate",
        "two_servers",
        {"server_list[1].server_id": "10.1.0.21"},
        "server_list[1].server_id",
    ),
    Case("host-ip-valid", "super_pod", {"server_list[1].host_ip": "reserve"}, "server_list[1].host_ip"),
    Case("host-ip-duplicate", "super_pod", {"server_list[1].host_ip": "10.2.0.1"}, "server_list[1].host_ip"),
    Case("device-list-empty", "one_server", {"server_list[0].device": []}, "server_list[0].device"),
    Case(
        "device-count-910",
        "one_server",
        {"server_list[0].device": [device(d, d) for d in range(3)]},
        "server_list[0].device",
        Chip.ASCEND910,
    ),
    Case("device-half-910", "one_server", TWO_HALVES, "server_list[0].device", Chip.ASCEND910),
    Case("device-count-equal-910", "two_servers", SHORT_SECOND, "server_list[1].device", Chip.ASCEND910),
    Case("device-count-equal", "two_servers", SHORT_SECOND, "server_list[1].device", Chip.ASCEND910B),
]

DEVICE_CASES = [
    *(
        Case("device-id-range", "one_server", {f"{D07}.device_id": text}, f"{D07}.device_id", chip)
        for text, chip in (
            ("8", Chip.ASCEND910),
            ("16", Chip.ASCEND910B),
            ("16", Chip.ASCEND910_93),
            ("16", None),
            ("100", None),
        )
    ),
    Case("device-id-duplicate", "one_server", {f"{D07}.device_id": "6"}, f"{D07}.device_id"),
    Case(
        "device-id-duplicate",
        "one_server",
        {f"{D07}.device_id": "6", f"{D07}.device_port": "16667"},
        f"{D07}.device_id",
    ),
    Case("device-ip-required", "two_servers", {f"{D13}.device_ip": REMOVE}, f"{D13}.device_ip"),
    Case("device-ip-required", "two_servers", {f"{D13}.device_ip": ""}, f"{D13}.device_ip"),
    Case(
        "device-ip-required", "one_server", {f"{D07}.device_ip": REMOVE}, f"{D07}.device_ip", Chip.ASCEND910
    ),
    Case("device-ip-required", "two_super_pods", {f"{D10}.device_ip": REMOVE}, f"{D10}.device_ip"),
    *(
        Case("device-ip-valid", "one_server", {f"{D07}.device_ip": text}, f"{D07}.device_ip")
        for text in ("172.20.3", "172.20.3.256", " 172.20.3.22", "172.20.3.022", "npu7", "fe80::1%eth0")
    ),
    Case("device-ip-duplicate", "two_servers", {f"{D13}.device_ip": "172.20.0.21"}, f"{D13}.device_ip"),
    Case("device-ip-count", "two_servers", {f"{D13}.device_ip": "172.31.0.1,172.31.0.2"}, f"{D13}.device_ip"),
    Case("device-ip-family", "two_servers", {f"{D13}.device_ip": "fd00::3"}, f"{D13}.device_ip"),
    *(
        Case("backup-device-ip", "super_pod", {f"{D10}.backup_device_ip": text}, f"{D10}.backup_device_ip")
        for text in ("172.21.1.1", "172.21.1.3", "nic1")
    ),
    Case(
        "backup-device-ip",
        "super_pod",
        {
            f"{D10}.backup_device_ip": "172.21.1.2",
            f"{D10}.backup_device_port": "16666",
            "server_list[1].device[1].device_port": "16666",
        },
        f"{D10}.backup_device_ip",
    ),
    *(
        Case("port-range", "one_server", {f"{D07}.{key}": text}, f"{D07}.{key}")
        for key in ("device_port", "backup_device_port", "host_port")
        for text in ("0", "65536")
    ),
]

RANK_CASES = [
    Case(
        "rank-id-duplicate",
        "two_servers",
        {"server_list[1].device[7].rank_id": "14"},
        "server_list[1].device[7].rank_id",
    ),
    Case(
        "rank-id-contiguous",
        "two_servers",
        {"server_list[1].device[7].rank_id": "16"},
        "server_list[1].device[7].rank_id",
    ),
    Case(
        "rank-id-contiguous",
        "one_server",
        {f"server_list[0].device[{d}].rank_id": str(d + 1) for d in range(8)},
        "server_list[0].device[0].rank_id",
    ),
    Case(
        "rank-id-duplicate",
        "two_servers",
        {f"server_list[1].device[{d}].rank_id": str(7 + d) for d in range(8)},
        f"{D10}.rank_id",
    ),
    Case("rank-id-contiguous", "one_server", {f"{D07}.rank_id": "4294967295"}, f"{D07}.rank_id"),
    Case(
        "rank-id-interleaved",
        "two_servers",
        {f"{D07}.rank_id": "8", f"{D10}.rank_id": "7"},
        "server_list[1]",
    ),
    Case(
        "rank-server-order",
        "two_servers",
        {"server_list[0].server_id": "10.1.0.9", "server_list[1].server_id": "10.1.0.10"},
        "server_list[1].server_id",
    ),
    Case(
        "rank-device-order",
        "one_server",
        {f"{D07}.rank_id": "6", "server_list[0].device[6].rank_id": "7"},
        "server_list[0].device[6].rank_id",
    ),
]

SUPER_POD_CASES = [
    Case("version-chip", "super_pod", {}, "version", Chip.ASCEND910B),
    Case("super-pod-ignored", "super_pod", {"version": "1.0"}, "server_list[0].device[0].super_device_id"),
    Case("super-pod-list-absent", "super_pod", {"super_pod_list": REMOVE}, "super_pod_list"),
    Case("super-pod-id-empty", "two_super_pods", {f"{POD1}.super_pod_id": ""}, f"{POD1}.super_pod_id"),
    Case(
        "super-pod-id-duplicate", "two_super_pods", {f"{POD1}.super_pod_id": "pod_0"}, f"{POD1}.super_pod_id"
    ),
    Case(
        "super-pod-empty",
        "two_super_pods",
        {"super_pod_list[2]": {"super_pod_id": "pod_2", "server_list": []}},
        "super_pod_list[2].server_list",
    ),
    Case(
        "super-pod-server-unknown",
        "two_super_pods",
        {f"{POD1}.server_list[2]": {"server_id": "node_9"}},
        f"{POD1}.server_list[2].server_id",
    ),
    Case(
        "super-pod-server-repeated",
        "super_pod",
        {"super_pod_list[0].server_list[2]": {"server_id": "node_0"}},
        "super_pod_list[0].server_list[2].server_id",
    ),
    Case(
        "super-pod-server-missing",
        "super_pod",
        {"super_pod_list[0].server_list": servers("node_0")},
        "server_list[1]",
    ),
    Case("super-pod-server-missing", "super_pod", {"super_pod_list": []}, "super_pod_list"),
    Case(
        "super-pod-contiguous",
        "two_super_pods",
        {
            "super_pod_list[0].server_list": servers("node_0", "node_2"),
            f"{POD1}.server_list": servers("node_1", "node_3"),
        },
        "server_list[2]",
    ),
    Case(
        "super-pod-size",
        "two_super_pods",
        {
            "super_pod_list[0].server_list": servers("node_0", "node_1", "node_2"),
            f"{POD1}.server_list": servers("node_3"),
        },
        POD1,
    ),
    Case(
        "super-device-id-missing", "super_pod", {f"{D13}.super_device_id": REMOVE}, f"{D13}.super_device_id"
    ),
    Case("super-device-id-missing", "super_pod", {f"{D13}.super_device_id": ""}, f"{D13}.super_device_id"),
    *(
        Case(
            "super-device-id-decimal", "super_pod", {f"{D13}.super_device_id": text}, f"{D13}.super_device_id"
        )
        for text in ("0x2040003", "-1", "4294967296", "9" * 5000)
    ),
    *(
        Case(
            "super-device-id-layout",
            "super_pod",
            {f"{D10}.super_device_id": str(value)},
            f"{D10}.super_device_id",
        )
        for value in (
            8 << 22 | 1,
            8 << 22 | 1 << 18,
            8 << 22 | 2 << 16 | 2,
            8 << 22 | 2 << 16,
            8 << 22 | 8 << 18 | 16,
            8 << 22 | 8 << 18,
        )
    ),
    Case(
        "super-device-id-layout",
        "super_pod",
        {
            f"server_list[1].device[{d}].super_device_id": str(48 << 22 | d // 2 << 18 | d % 2 << 16 | d)
            for d in range(4)
        },
        f"{D10}.super_device_id",
    ),
    Case(
        "super-device-id-device",
        "super_pod",
        {f"{D13}.super_device_id": str(8 << 22 | 2 << 18 | 1 << 16 | 5)},
        f"{D13}.super_device_id",
    ),
    Case(
        "super-device-id-duplicate",
        "super_pod",
        {
            f"server_list[1].device[{d}].super_device_id": str(7 << 22 | d // 2 << 18 | d % 2 << 16 | d)
            for d in range(4)
        },
        f"{D10}.super_device_id",
    ),
    Case(
        "super-device-id-server",
        "super_pod",
        {"server_list[1].device": SECOND_HALF},
        f"{D10}.super_device_id",
    ),
    Case(
        "super-device-id-server",
        "super_pod",
        {f"{D13}.super_device_id": str(9 << 22 | 1 << 18 | 1 << 16 | 3)},
        f"{D13}.super_device_id",
    ),
]

CASES = [*TEXT_CASES, *SERVER_CASES, *DEVICE_CASES, *RANK_CASES, *SUPER_POD_CASES]
TESTED_ELSEWHERE = {
    "json-syntax": "test_json_text",
    "json-comment": "test_json_text",
    "json-duplicate-key": "test_json_text",
    "root-object": "test_check",
    "group-list-count": "test_convert",
    "server-address-unknown": "test_convert",
    "server-entries-agree": "test_build",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}-{case.path}")
def test_rule_alone_is_found_at_its_key(case: Case, altered: Callable[..., str]) -> None:
    findings = check(altered(case.base, case.changes), chip=case.chip, source="t.json")

    assert {finding.rule for finding in findings} == {case.rule}
    assert findings[0].path == case.path
    assert findings[0].severity == RULES[case.rule].severity


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} | TESTED_ELSEWHERE.keys() == RULES.keys()
