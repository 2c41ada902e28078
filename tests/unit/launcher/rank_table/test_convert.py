import json
from collections.abc import Callable
from typing import Any

import pytest

from launcher.rank_table import Chip, RankTableError, convert_group_list, render


@pytest.fixture
def legacy(golden: Callable[[str], str]) -> dict[str, Any]:
    return json.loads(golden("group_list"))


def group_of(table: dict[str, Any]) -> dict[str, Any]:
    return table["group_list"][0]


def rules_of(text: str, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(RankTableError) as error:
        convert_group_list(text, source="t.json", **options)
    return [(finding.rule, finding.path) for finding in error.value.findings]


def test_a_group_list_becomes_version_1_0(golden: Callable[[str], str]) -> None:
    table = convert_group_list(golden("group_list"), source="t.json", chip=Chip.ASCEND910)

    assert render(table) == golden("group_list_converted")


def test_rank_is_the_position_and_containers_of_a_host_become_one_server(legacy: dict[str, Any]) -> None:
    table = convert_group_list(json.dumps(legacy), source="t.json")

    assert [(s.server_id, [(d.device_id, d.rank_id) for d in s.devices]) for s in table.servers] == [
        ("node_a", [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ("node_b", [(0, 4), (1, 5), (2, 6), (3, 7)]),
    ]


def test_servers_can_be_named_by_address(legacy: dict[str, Any]) -> None:
    addresses = {"node_a": "10.5.0.1", "node_b": "10.5.0.2", "node_c": "10.5.0.3"}

    table = convert_group_list(json.dumps(legacy), source="t.json", addresses=addresses)

    assert [server.server_id for server in table.servers] == ["10.5.0.1", "10.5.0.2"]


def test_a_server_without_address_is_refused(legacy: dict[str, Any]) -> None:
    text = json.dumps(legacy)

    assert rules_of(text, addresses={"node_a": "10.5.0.1"}) == [("server-address-unknown", "group_list")]


def test_an_initializing_table_is_refused(legacy: dict[str, Any]) -> None:
    legacy |= {"status": "initializing"}

    assert rules_of(json.dumps(legacy)) == [("status-completed", "status")]


@pytest.mark.parametrize("key", ["instance_count", "device_count"])
def test_counts_that_disagree_are_refused(key: str, legacy: dict[str, Any]) -> None:
    group_of(legacy)[key] = "9"

    assert rules_of(json.dumps(legacy)) == [("group-list-count", f"group_list[0].{key}")]


def test_group_count_must_agree(legacy: dict[str, Any]) -> None:
    legacy["group_count"] = "2"

    assert rules_of(json.dumps(legacy)) == [("group-list-count", "group_count")]


def test_several_groups_are_refused(legacy: dict[str, Any]) -> None:
    legacy |= {"group_count": "2", "group_list": legacy["group_list"] * 2}

    assert rules_of(json.dumps(legacy)) == [("group-list-count", "group_list")]


def test_missing_keys_and_wrong_types_are_reported_with_their_place(legacy: dict[str, Any]) -> None:
    first, second, third = group_of(legacy)["instance_list"]
    first["devices"][1]["device_id"] = 1
    del second["server_id"]
    third["device"] = third.pop("devices")

    assert rules_of(json.dumps(legacy)) == [
        ("value-not-string", "group_list[0].instance_list[0].devices[1].device_id"),
        ("key-missing", "group_list[0].instance_list[1].server_id"),
        ("key-missing", "group_list[0].instance_list[2].devices"),
    ]


def test_interleaved_containers_are_refused(legacy: dict[str, Any]) -> None:
    instances = group_of(legacy)["instance_list"]
    instances[1], instances[2] = instances[2], instances[1]

    assert rules_of(json.dumps(legacy)) == [("rank-id-interleaved", "server_list[1]")]


@pytest.mark.parametrize(
    ("text", "rule", "path"),
    [
        ('{"status": "completed"', "json-syntax", ""),
        ("[]", "root-object", ""),
        ('{"status": "completed", "server_list": []}', "key-missing", "group_list"),
    ],
)
def test_other_texts_are_refused(text: str, rule: str, path: str) -> None:
    assert (rule, path) in rules_of(text)
