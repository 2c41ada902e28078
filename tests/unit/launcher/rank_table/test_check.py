import json
from collections.abc import Callable
from typing import Any

import pytest

from launcher.rank_table import Chip, check

ONE_SERVER = """{"server_count":"1","version":"1.0","status":"completed",
 "server_list":[{"server_id":"10.9.0.5","container_ip":"10.9.0.5","hardware_type":"800I-A2-32G",
   "device":[
\t{"device_id":"4","device_ip":"172.16.4.5","device_port":"16667","rank_id":"0"},
\t{"device_id":"6","device_ip":"172.16.6.5","rank_id":"1"}],
   "host_nic_ip":"reserve"}]}"""

CROSS_CLUSTER = """{"version":"1.0","server_count":"2","server_list":[
  {"server_id":"10.9.0.5","server_ip":"10.8.0.5","pod_ip":"10.7.0.5","device":[
    {"device_id":"0","device_ip":"172.16.0.5","dpu_ip":"10.6.0.5","numa_id":"","rank_id":"0"}]},
  {"server_id":"10.9.0.6","server_ip":"10.8.0.6","pod_ip":"10.7.0.6","device":[
    {"device_id":"0","device_ip":"172.16.0.6","dpu_ip":"10.6.0.6","numa_id":"","rank_id":"1"}]}],
 "cluster_list":[{"cluster_id":"c1","network_type":"ROCE","az_id":"az0","region_id":"r0",
   "server_list":[{"server_id":"10.9.0.5"},{"server_id":"10.9.0.6"}]}],
 "status":"completed"}"""

SUPER_POD = """{"status":"completed","version":"1.2","server_count":"2","server_list":[
  {"server_id":"node_0","host_ip":"10.3.0.1","device":[
    {"device_id":"0","super_device_id":"37748736","device_ip":"172.17.1.1","backup_device_ip":"172.17.1.2",
     "backup_device_port":"16667","host_port":"16665","rank_id":"0"},
    {"device_id":"1","super_device_id":"37814273","device_ip":"172.17.1.2","device_port":"16666","rank_id":"1"}]},
  {"server_id":"node_1","host_ip":"10.3.0.2","device":[
    {"device_id":"0","super_device_id":"41943040","device_ip":"172.17.2.1","rank_id":"2"},
    {"device_id":"1","super_device_id":"42008577","device_ip":"172.17.2.2","rank_id":"3"}]}],
 "super_pod_list":[{"super_pod_id":"A","server_list":[{"server_id":"node_0"},{"server_id":"node_1"}]}]}"""


@pytest.mark.parametrize(
    ("text", "chip"),
    [
        (ONE_SERVER, Chip.ASCEND910B),
        (CROSS_CLUSTER, Chip.ASCEND910),
        (CROSS_CLUSTER, Chip.ASCEND910B),
        (SUPER_POD, Chip.ASCEND910_93),
        (ONE_SERVER, None),
        (SUPER_POD, None),
    ],
)
def test_hand_written_tables_in_the_vendors_forms_are_clean(text: str, chip: Chip | None) -> None:
    assert check(text, chip=chip, source="t.json") == []


@pytest.mark.parametrize("text", ["[]", "null", '"completed"', "3"])
def test_a_root_that_is_no_object(text: str) -> None:
    (finding,) = check(text, chip=None, source="t.json")

    assert (finding.rule, finding.path, finding.line, finding.column) == ("root-object", "", 1, 1)


def test_findings_name_source_line_and_column_of_the_value() -> None:
    (finding,) = check(ONE_SERVER.replace("172.16.6.5", "172.16.6"), chip=None, source="lab/table.json")

    column = ONE_SERVER.splitlines()[4].index('"172.16.6') + 1
    assert str(finding).startswith(f"lab/table.json:5:{column}: error[device-ip-valid] ")


def test_a_missing_key_is_placed_at_the_object_that_lacks_it() -> None:
    (finding,) = check(ONE_SERVER.replace(',"rank_id":"0"', ""), chip=None, source="t.json")

    assert (finding.line, finding.column) == (4, 2)
    assert finding.path == "server_list[0].device[0].rank_id"


def test_a_missing_key_suggests_the_misspelt_one() -> None:
    (finding,) = check(ONE_SERVER.replace('"device":', '"devices":'), chip=None, source="t.json")

    assert finding.rule == "key-missing"
    assert "'devices'" in finding.message


def test_all_findings_come_at_once_in_the_order_of_the_text(golden: Callable[[str], str]) -> None:
    table = json.loads(golden("two_servers"))
    table["status"] = "initializing"
    table["server_count"] = 2
    first, second = table["server_list"]
    first["device"][3]["device_id"] = "three"
    second["server_id"] = first["server_id"]
    second["device"][1]["device_ip"] = first["device"][0]["device_ip"]
    del second["device"][2]["device_ip"]
    second["device"][7]["rank_id"] = "16"

    findings = check(json.dumps(table, indent=1), chip=Chip.ASCEND910, source="t.json")

    assert [(finding.rule, finding.path) for finding in findings] == [
        ("status-completed", "status"),
        ("value-not-string", "server_count"),
        ("number-decimal", "server_list[0].device[3].device_id"),
        ("server-id-duplicate", "server_list[1].server_id"),
        ("device-ip-duplicate", "server_list[1].device[1].device_ip"),
        ("device-ip-required", "server_list[1].device[2].device_ip"),
        ("rank-id-contiguous", "server_list[1].device[7].rank_id"),
    ]


def test_rules_about_a_key_wait_until_its_values_can_be_read(golden: Callable[[str], str]) -> None:
    text = golden("two_servers").replace('"rank_id": "9"', '"rank_id": "nine"')

    assert [finding.rule for finding in check(text, chip=None, source="t.json")] == ["number-decimal"]


def test_a_lone_surrogate_in_a_name_can_still_be_printed(golden: Callable[[str], str]) -> None:
    text = golden("one_server").replace('"10.1.0.21"', '"' + "\\ud800" * 30 + '"')

    (finding,) = check(text, chip=None, source="t.json")

    assert finding.rule == "server-id-length"
    assert str(finding).isascii()


FIRST = "server_list[0].device"
SECOND = "server_list[1].device"
ALLOWED: dict[str, tuple[str, dict[str, Any], Chip | None]] = {
    "no device_ip on one server": (
        "one_server",
        {f"{FIRST}[{d}].device_ip": ... for d in range(8)},
        Chip.ASCEND910B,
    ),
    "no device_ip in one super pod": (
        "super_pod",
        {f"{devices}[{d}].device_ip": ... for devices in (FIRST, SECOND) for d in range(4)},
        None,
    ),
    "half of a 910": ("one_server", {f"{FIRST}[{d}]": ... for d in (7, 6, 5, 4)}, Chip.ASCEND910),
    "sparse device ids": (
        "one_server",
        {f"{FIRST}[{d}].device_id": str(d + 8) for d in range(1, 8)},
        Chip.ASCEND910B,
    ),
    "two ranks of one device, each with a port": (
        "one_server",
        {f"{FIRST}[7].device_id": "6", f"{FIRST}[6].device_port": "1", f"{FIRST}[7].device_port": "65535"},
        None,
    ),
    "backup by the other die": (
        "super_pod",
        {f"{SECOND}[0].backup_device_ip": "172.21.1.2", f"{SECOND}[0].backup_device_port": "16667"},
        None,
    ),
    "backup address that is not in the table": (
        "super_pod",
        {f"{SECOND}[0].backup_device_ip": "172.22.1.2"},
        None,
    ),
    "two addresses a device": (
        "one_server",
        {f"{FIRST}[{d}].device_ip": f"172.31.0.{d},fd00::{d}" for d in range(8)},
        None,
    ),
    "server_id of 64 bytes": ("one_server", {"server_list[0].server_id": "n" * 64}, None),
    "the largest SDID": (
        "super_pod",
        {
            f"{SECOND}[3].device_id": "15",
            **{
                f"{SECOND}[{d}].super_device_id": str(47 << 22 | d // 2 << 18 | d % 2 << 16 | d)
                for d in range(3)
            },
            f"{SECOND}[3].super_device_id": str(47 << 22 | 7 << 18 | 1 << 16 | 15),
        },
        Chip.ASCEND910_93,
    ),
    "same SDIDs in two physical super pods": (
        "two_super_pods",
        {
            f"server_list[{s}].device[{d}].super_device_id": str(s % 2 << 22 | d << 16 | d)
            for s in range(4)
            for d in range(2)
        },
        None,
    ),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_the_rules_allow(name: str, altered: Callable[..., str]) -> None:
    base, changes, chip = ALLOWED[name]

    assert check(altered(base, changes), chip=chip, source="t.json") == []


def test_super_pods_are_contiguous_by_rank_too(golden: Callable[[str], str]) -> None:
    table = json.loads(golden("two_super_pods"))
    for first_rank, server in zip((0, 4, 2, 6), table["server_list"], strict=True):
        for position, member in enumerate(server["device"]):
            member["rank_id"] = str(first_rank + position)

    findings = check(json.dumps(table), chip=None, source="t.json")

    assert [(f.rule, f.path) for f in findings if f.severity == "error"] == [
        ("super-pod-contiguous", "server_list[1]")
    ]


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"super_pod_list": ...}, "super-pod-list-absent"), ({"version": "1.0"}, "super-pod-ignored")],
)
def test_without_super_pods_several_servers_need_device_ips(
    change: dict[str, Any], rule: str, altered: Callable[..., str]
) -> None:
    text = altered("super_pod", {**change, f"{SECOND}[0].device_ip": ...})

    rules = {finding.rule for finding in check(text, chip=Chip.ASCEND910_93, source="t.json")}

    assert rules == {rule, "device-ip-required"}
