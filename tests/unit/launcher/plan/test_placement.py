import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launcher.plan.placement import PlacementError, place, server_id
from launcher.plan.rank_tables import rank_table
from launcher.rank_table import Chip, check
from launcher.spec.cluster import Cluster
from launcher.spec.job import Job


def cluster(device: str, *hosts: dict) -> Cluster:
    return Cluster.model_validate({"schema": 1, "name": "lab", "device": device, "hosts": list(hosts)})


def host(number: int, devices: object = "0-7", **more: object) -> dict:
    return {"address": f"node{number}", "host_ip": f"192.0.2.{number}", "devices": devices, **more}


def job(ranks: object, **more: object) -> Job:
    return Job.model_validate({"schema": 1, "name": "work", "ranks": ranks, "command": ["true"], **more})


def placed(where: Cluster, what: Job) -> list[tuple[int, str, int | None]]:
    return [(slot.rank, slot.host.label, slot.device) for slot in place(where, what)]


def test_pack_fills_one_host_after_the_other():
    where = cluster("ascend910b", host(1, "0-1"), host(2, "0-3"), host(3, "0-3"))

    assert placed(where, job(4)) == [(0, "node1", 0), (1, "node1", 1), (2, "node2", 0), (3, "node2", 1)]


def test_spread_gives_every_host_the_same_number():
    where = cluster("ascend910b", host(1), host(2))

    assert placed(where, job(4, placement="spread")) == [
        (0, "node1", 0),
        (1, "node1", 1),
        (2, "node2", 0),
        (3, "node2", 1),
    ]


def test_all_is_every_device_even_on_unequal_hosts():
    where = cluster("ascend910b", host(1, "0-2"), host(2, "5"))

    assert [device for _, _, device in placed(where, job("all"))] == [0, 1, 2, 5]


def test_ranks_follow_the_order_of_server_ids_as_strings_and_of_devices():
    where = cluster("ascend910b", host(9, [3, 1]), host(10, [6, 2]))

    assert placed(where, job(4)) == [(0, "node10", 2), (1, "node10", 6), (2, "node9", 1), (3, "node9", 3)]


def test_hosts_are_filled_in_the_order_of_the_file_then_ranked():
    where = cluster("ascend910b", host(9), host(10))

    assert placed(where, job(2)) == [(0, "node9", 0), (1, "node9", 1)]


def test_a_host_without_host_ip_is_known_by_its_name():
    where = cluster("cpu", {"address": "b", "name": "zz", "devices": "0"}, {"address": "c", "devices": "0"})

    assert [label for _, label, _ in placed(where, job(2))] == ["c", "zz"]


def test_sparse_devices_are_used_as_they_are():
    where = cluster("ascend910b", host(1, [7, 0, 5]))

    assert [device for _, _, device in placed(where, job(3))] == [0, 5, 7]


def test_a_job_without_devices_has_none():
    where = cluster("ascend910", host(1))

    assert placed(where, job(3, devices_per_rank=0)) == [(rank, "node1", None) for rank in range(3)]


@pytest.mark.parametrize(
    ("ranks", "more", "words"),
    [
        (17, {}, "17 ranks, but cluster lab has 16 devices on 2 host"),
        (3, {"placement": "spread"}, "3 ranks cannot be spread equally over 2 hosts"),
    ],
)
def test_what_does_not_fit_is_refused(ranks, more, words):
    with pytest.raises(PlacementError, match=words) as caught:
        place(cluster("ascend910b", host(1), host(2)), job(ranks, **more))
    assert caught.value.path == ("ranks",)


def test_spread_is_bound_by_the_smallest_host():
    with pytest.raises(PlacementError, match="3 ranks a host, but the smallest host has 2 devices"):
        place(cluster("cpu", host(1, "0-1"), host(2)), job(6, placement="spread"))


@pytest.mark.parametrize("ranks", [3, 5, 6, 7])
def test_910a_takes_groups_of_1_2_4_or_8(ranks):
    with pytest.raises(PlacementError, match=f"{ranks} ranks on host node1: HCCL takes 1, 2, 4 or 8"):
        place(cluster("ascend910", host(1)), job(ranks))


@pytest.mark.parametrize(
    ("devices", "ranks", "chosen"),
    [
        ("0-7", 1, [0]),
        ("0-7", 2, [0, 1]),
        ("0-7", 4, [0, 1, 2, 3]),
        ("0-7", 8, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("2-5,7", 2, [2, 3]),
        ("3-6", 2, [4, 5]),
        ("1,3-7", 4, [4, 5, 6, 7]),
        ("6", 1, [6]),
    ],
)
def test_a_910a_group_lies_within_0_to_3_or_4_to_7(devices, ranks, chosen):
    slots = place(cluster("ascend910", host(1, devices)), job(ranks))

    assert [slot.device for slot in slots] == chosen


@pytest.mark.parametrize(("devices", "ranks"), [("3-4", 2), ("1-6", 4), ("0,5", 2)])
def test_a_910a_group_across_3_and_4_is_refused(devices, ranks):
    with pytest.raises(PlacementError, match="must lie within devices 0-3 or within 4-7"):
        place(cluster("ascend910", host(1, devices)), job(ranks))


def test_910a_hosts_need_equal_numbers():
    with pytest.raises(PlacementError, match=r"hosts would get 8, 2 ranks: 910A servers need equal numbers"):
        place(cluster("ascend910", host(1), host(2)), job(10))


def test_910a_spread_chooses_a_half_on_each_host():
    where = cluster("ascend910", host(1, "0-3"), host(2, "3-7"))

    assert [device for _, _, device in placed(where, job(8, placement="spread"))] == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("device", ["ascend910b", "ascend910_93", "cpu"])
def test_other_devices_have_no_such_groups(device):
    slots = place(cluster(device, host(1)), job(3, launch="none"))

    assert [slot.device for slot in slots] == [0, 1, 2]


def test_local_ranks_count_from_0_on_each_host():
    slots = place(cluster("ascend910b", host(1, "4-5"), host(2, "6-7")), job(4))

    assert [slot.local_rank for slot in slots] == [0, 1, 0, 1]


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    device = draw(st.sampled_from(["ascend910", "ascend910b", "ascend910_93"]))
    last = 15 if device == "ascend910_93" else 7
    numbers = draw(st.lists(st.integers(1, 250), min_size=1, max_size=4, unique=True))
    groups = st.sets(st.integers(0, last), min_size=1)
    hosts = []
    for number in numbers:
        devices = sorted(draw(groups))
        ips = {each: f"198.51.{number}.{each}" for each in devices}
        hosts.append(host(number, devices, device_ips=ips))
    return cluster(device, *hosts)


@settings(deadline=None)
@given(clusters(), st.integers(1, 40), st.sampled_from(["pack", "spread"]))
def test_any_placement_gives_a_rank_table_that_hccl_takes(where, ranks, placement):
    try:
        slots = place(where, job(ranks, placement=placement))
    except PlacementError:
        return
    assert [slot.rank for slot in slots] == list(range(ranks))
    assert len({(slot.host.label, slot.device) for slot in slots}) == ranks
    assert all(slot.device in where.devices_of(slot.host) for slot in slots)
    keys = [(server_id(slot.host), slot.device) for slot in slots]
    assert keys == sorted(keys)
    findings = check(rank_table(where, slots), chip=Chip(where.device.value), source="table")
    assert [finding for finding in findings if finding.severity == "error"] == []
