"""Who pings whom: much of the network in few pings."""

from __future__ import annotations

from itertools import combinations

import pytest

from launcher.check.pings import MOST, Peer, all_pairs, some_pairs


def cluster(hosts: int, devices: int = 8) -> dict[str, dict[int, str]]:
    return {f"h{host}": {device: f"{host}.{device}" for device in range(devices)} for host in range(hosts)}


def pairs_of_hosts(peers) -> set[frozenset[str]]:
    return {frozenset((host, peer.host)) for host, found in peers.items() for peer in found}


def test_two_hosts_ask_the_same_number_first_then_others():
    assert some_pairs({"a": {0: "1.0", 1: "1.1"}, "b": {0: "2.0", 1: "2.1"}}) == {
        "a": (Peer(0, "2.0", "b"), Peer(0, "2.1", "b"), Peer(1, "2.1", "b"), Peer(1, "2.0", "b")),
        "b": (Peer(0, "1.0", "a"), Peer(0, "1.1", "a"), Peer(1, "1.1", "a"), Peer(1, "1.0", "a")),
    }


def test_three_hosts_ask_the_same_number_and_another_on_each():
    found = [(peer.host, peer.address) for peer in some_pairs(cluster(3))["h0"] if peer.device == 5]
    assert found == [("h1", "1.5"), ("h2", "2.5"), ("h1", "1.6"), ("h2", "2.6")]


@pytest.mark.parametrize("hosts", [2, 3, 8, 100])
def test_the_first_of_each_npu_makes_a_ring_in_which_each_is_asked_once(hosts):
    first = {}
    for host, peers in some_pairs(cluster(hosts)).items():
        for peer in peers:
            first.setdefault((host, peer.device), peer.address)
    assert len(set(first.values())) == len(first) == 8 * hosts
    assert all(address.endswith(f".{device}") for (_, device), address in first.items())


@pytest.mark.parametrize("hosts", range(2, 54))
def test_all_pairs_of_hosts_are_tried_as_far_as_is_said(hosts):
    peers = some_pairs(cluster(hosts))
    assert hosts > 2 * 8 * (MOST - 1) + 3 or len(pairs_of_hosts(peers)) == hosts * (hosts - 1) // 2


@pytest.mark.parametrize(("hosts", "devices"), [(2, 1), (2, 8), (3, 3), (16, 8), (200, 8), (5, 16)])
def test_no_npu_asks_more_than_it_may_none_twice_and_none_of_its_own_host(hosts, devices):
    for host, peers in some_pairs(cluster(hosts, devices)).items():
        asked = [(peer.device, peer.address) for peer in peers]
        assert len(set(asked)) == len(asked)
        assert all(peer.host != host for peer in peers)
        assert all(0 < sum(each == device for each, _ in asked) <= MOST for device in range(devices))


def test_other_numbers_are_paired_by_position_and_hosts_without_addresses_left_out():
    ips = {"a": {0: "1.0", 5: "1.5"}, "none": {}, "b": {4: "2.4", 5: "2.5"}, "c": {7: "3.7"}}
    found = some_pairs(ips, most=1)
    assert found["a"] == (Peer(0, "2.4", "b"), Peer(5, "2.5", "b"))
    assert found["b"] == (Peer(4, "3.7", "c"), Peer(5, "3.7", "c"))
    assert found["none"] == ()


@pytest.mark.parametrize("of", [some_pairs, all_pairs])
def test_a_host_alone_pings_nobody(of):
    assert of({"a": {0: "1.0", 1: "1.1"}}) == {"a": ()}
    assert of({}) == {}


@pytest.mark.parametrize(("hosts", "devices"), [(2, 1), (2, 8), (3, 3), (5, 2)])
def test_in_depth_each_two_npus_of_different_hosts_meet_once(hosts, devices):
    ips = cluster(hosts, devices)
    asked = [
        frozenset((ips[host][peer.device], peer.address))
        for host, peers in all_pairs(ips).items()
        for peer in peers
    ]
    names = [address for known in ips.values() for address in known.values()]
    across = {
        frozenset(pair) for pair in combinations(names, 2) if pair[0].split(".")[0] != pair[1].split(".")[0]
    }
    assert len(asked) == len(across) and set(asked) == across


def test_in_depth_no_npu_has_much_more_to_do_than_another():
    counts = [
        sum(peer.device == device for peer in peers)
        for peers in all_pairs(cluster(4)).values()
        for device in range(8)
    ]
    assert max(counts) - min(counts) <= 8
