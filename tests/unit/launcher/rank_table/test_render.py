import json

from launcher.rank_table import Chip, Device, Entry, RankTable, Server, SuperPod, build, render
from tests.golden_files import GOLDEN, check_text

Cluster = tuple[str, Chip, list[Entry]]


def test_clusters_render_to_the_golden_bytes(cluster: Cluster) -> None:
    name, chip, entries = cluster

    check_text(GOLDEN / "rank_table" / f"{name}.json", render(build(entries, chip=chip)))


def test_version_1_0_has_the_keys_of_the_reference_in_their_order() -> None:
    table = RankTable("1.0", (Server("10.4.0.1", (Device(5, 0, "172.16.0.1"), Device(7, 1, "172.16.0.2"))),))

    pairs = json.loads(render(table), object_pairs_hook=list)

    assert pairs == [
        ("status", "completed"),
        ("version", "1.0"),
        ("server_count", "1"),
        (
            "server_list",
            [
                [
                    ("server_id", "10.4.0.1"),
                    (
                        "device",
                        [
                            [("device_id", "5"), ("device_ip", "172.16.0.1"), ("rank_id", "0")],
                            [("device_id", "7"), ("device_ip", "172.16.0.2"), ("rank_id", "1")],
                        ],
                    ),
                    ("host_nic_ip", "reserve"),
                ]
            ],
        ),
    ]


def test_version_1_2_has_the_keys_of_the_reference_in_their_order() -> None:
    device = Device(
        device_id=0,
        rank_id=0,
        device_ip="172.16.0.1",
        super_device_id="37748736",
        device_port=16666,
        backup_device_ip="172.16.0.2",
        backup_device_port=16667,
        host_port=16665,
    )
    table = RankTable("1.2", (Server("node_0", (device,), "10.4.0.1"),), (SuperPod("0", ("node_0",)),))

    root = json.loads(render(table))

    assert list(root) == ["status", "version", "server_count", "server_list", "super_pod_list"]
    assert list(root["server_list"][0]) == ["server_id", "host_ip", "device"]
    assert list(root["server_list"][0]["device"][0].items()) == [
        ("device_id", "0"),
        ("super_device_id", "37748736"),
        ("device_ip", "172.16.0.1"),
        ("device_port", "16666"),
        ("backup_device_ip", "172.16.0.2"),
        ("backup_device_port", "16667"),
        ("host_port", "16665"),
        ("rank_id", "0"),
    ]
    assert root["super_pod_list"] == [{"super_pod_id": "0", "server_list": [{"server_id": "node_0"}]}]


def test_names_are_escaped() -> None:
    text = render(RankTable("1.0", (Server('a"b\né', (Device(0, 0),)),)))

    assert text.isascii()
    assert json.loads(text)["server_list"][0]["server_id"] == 'a"b\né'
