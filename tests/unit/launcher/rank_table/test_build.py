import random
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.rank_table import Chip, Entry, RankTableError, build, check, render

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16)  # 64 bytes at most


def sdid(server_index: int, device_id: int) -> str:
    return str(server_index << 22 | device_id // 2 << 18 | device_id % 2 << 16 | device_id)


RINGS_910 = [[0, 1, 2, 3], [4, 5, 6, 7]]
GROUPS_910 = {
    1: [[d] for ring in RINGS_910 for d in ring],
    2: [list(pair) for ring in RINGS_910 for pair in combinations(ring, 2)],
    4: RINGS_910,
    8: [list(range(8))],
}


def device_ids(chip: Chip, count: int) -> st.SearchStrategy[list[int]]:
    if chip is Chip.ASCEND910:
        return st.sampled_from(GROUPS_910[count])
    return st.lists(st.integers(0, 15), min_size=count, max_size=count, unique=True)


@st.composite
def flat_clusters(draw: st.DrawFn) -> tuple[Chip, list[Entry]]:
    """Servers without super pods, equally many devices each, one address family, shuffled."""
    chip = draw(st.sampled_from(Chip))
    count = draw(st.sampled_from([1, 2, 4, 8]) if chip is Chip.ASCEND910 else st.integers(1, 16))
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    address = draw(st.sampled_from(["172.16.{}.{}", "fd00::{}:{}"]))
    needs_ip = chip is Chip.ASCEND910 or len(names) > 1 or draw(st.booleans())
    entries = [
        Entry(name, d, f"10.0.0.{host}", address.format(host, d) if needs_ip else None)
        for host, name in enumerate(names)
        for d in draw(device_ids(chip, count))
    ]
    return chip, draw(st.permutations(entries))


@st.composite
def super_pod_clusters(draw: st.DrawFn) -> tuple[Chip, list[Entry]]:
    """Super pods of equally many servers whose names sort together; a single pod may lack addresses."""
    pods, servers = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    ids = draw(st.lists(st.integers(0, 15), min_size=1, max_size=16, unique=True))
    has_ip = pods > 1 or draw(st.booleans())
    entries = [
        Entry(
            server_id=f"pod{pod}-{server}",
            device_id=d,
            host_ip=f"10.0.{pod}.{server}",
            device_ip=f"172.{16 + pod}.{server}.{d}" if has_ip else None,
            super_device_id=sdid(server, d),
            super_pod=f"{pods - pod}",
        )
        for pod in range(pods)
        for server in range(servers)
        for d in ids
    ]
    return Chip.ASCEND910_93, draw(st.permutations(entries))


@settings(deadline=None)
@given(st.one_of(flat_clusters(), super_pod_clusters()))
def test_what_is_built_and_rendered_passes_every_rule(cluster: tuple[Chip, list[Entry]]) -> None:
    chip, entries = cluster
    table = build(entries, chip=chip)

    assert check(render(table), chip=chip, source="t.json") == []
    built = [(server.server_id, device.device_id) for server in table.servers for device in server.devices]
    assert built == sorted((entry.server_id, entry.device_id) for entry in entries)
    ranks = [device.rank_id for server in table.servers for device in server.devices]
    assert ranks == list(range(len(entries)))


def test_the_order_of_entries_does_not_matter(cluster: tuple[str, Chip, list[Entry]]) -> None:
    _, chip, entries = cluster
    shuffled = random.Random(1).sample(entries, len(entries))

    assert build(shuffled, chip=chip) == build(entries, chip=chip)


def test_servers_are_sorted_as_strings() -> None:
    entries = [Entry(f"10.0.0.{host}", 0, device_ip=f"172.16.0.{host}") for host in (9, 10, 100)]

    table = build(entries, chip=Chip.ASCEND910B)

    assert [server.server_id for server in table.servers] == ["10.0.0.10", "10.0.0.100", "10.0.0.9"]


def test_host_ip_is_written_for_a3_only() -> None:
    entry = Entry("node", 0, host_ip="10.0.0.1", device_ip="172.16.0.1")

    assert build([entry], chip=Chip.ASCEND910B).servers[0].host_ip is None
    assert build([entry], chip=Chip.ASCEND910_93).servers[0].host_ip == "10.0.0.1"


def rules_of(error: pytest.ExceptionInfo[RankTableError]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.path) for finding in error.value.findings]


def test_every_broken_rule_is_reported_at_once() -> None:
    entries = [Entry("a", 3, device_ip="172.16.0.1"), Entry("a", 4), Entry("b", 9, device_ip="172.16.0.1")]

    with pytest.raises(RankTableError) as error:
        build(entries, chip=Chip.ASCEND910)

    assert sorted(rules_of(error)) == [
        ("device-count-equal-910", "server_list[1].device"),
        ("device-half-910", "server_list[0].device"),
        ("device-id-range", "server_list[1].device[0].device_id"),
        ("device-ip-duplicate", "server_list[1].device[0].device_ip"),
        ("device-ip-required", "server_list[0].device[1].device_ip"),
    ]
    assert all(finding.line is None for finding in error.value.findings)


def test_warnings_do_not_stop_a_build() -> None:
    entries = [
        Entry(h, d, device_ip=f"172.16.{d}.{ord(h)}") for h, n in (("a", 2), ("b", 3)) for d in range(n)
    ]

    text = render(build(entries, chip=Chip.ASCEND910B))

    assert [f.severity for f in check(text, chip=Chip.ASCEND910B, source="t.json")] == ["warning"]


def test_no_entries_are_refused() -> None:
    with pytest.raises(RankTableError) as error:
        build([], chip=Chip.ASCEND910B)

    assert rules_of(error) == [("server-list-empty", "server_list")]


def test_super_pods_that_do_not_sort_together_are_refused() -> None:
    entries = [
        Entry(name, 0, device_ip=f"172.16.{index}.1", super_device_id=sdid(index, 0), super_pod=pod)
        for index, (name, pod) in enumerate((("a", "0"), ("b", "1"), ("c", "0"), ("d", "1")))
    ]

    with pytest.raises(RankTableError) as error:
        build(entries, chip=Chip.ASCEND910_93)

    assert rules_of(error) == [("super-pod-contiguous", "server_list[2]")]


@pytest.mark.parametrize("change", [{"host_ip": "10.0.0.2"}, {"host_ip": None}, {"super_pod": "1"}])
def test_entries_of_one_server_that_disagree_are_refused(change: dict[str, str | None]) -> None:
    entry = Entry("node", 0, host_ip="10.0.0.1", device_ip="172.16.0.1")
    other = replace(entry, device_id=1, device_ip="172.16.0.2", **change)

    with pytest.raises(RankTableError) as error:
        build([entry, other], chip=Chip.ASCEND910_93)

    assert rules_of(error) == [("server-entries-agree", "server_list[0]")]
