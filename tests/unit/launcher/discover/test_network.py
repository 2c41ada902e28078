"""The address that reaches the other hosts: found where only one can be meant, never guessed."""

from __future__ import annotations

from ipaddress import ip_network

from launcher.discover.network import choose
from tests.unit.launcher.discover.hosts import interface


def hosts(**listed: list[str]):
    return {label: tuple(map(interface, each)) for label, each in listed.items()}


def settled(choice) -> dict[str, str]:
    return {label: each.address for label, each in choice.settled.items()}


def test_one_address_each_wherever_it_is():
    choice = choose(hosts(a=["eth0 192.0.2.1/24"], b=["eth0 198.51.100.1/24"]), {})
    assert settled(choice) == {"a": "192.0.2.1", "b": "198.51.100.1"} and not choice.open


def test_the_only_network_that_all_share():
    choice = choose(
        hosts(a=["eth0 192.0.2.1/24", "ib0 10.0.0.1/16"], b=["eth9 198.51.100.7/24", "ib1 10.0.0.2/16"]), {}
    )
    assert settled(choice) == {"a": "10.0.0.1", "b": "10.0.0.2"}
    assert choice.settled["b"].name == "ib1"


def test_several_networks_are_left_open_until_one_is_named():
    both = hosts(a=["eth0 192.0.2.1/24", "ib0 10.0.0.1/16"], b=["eth0 192.0.2.2/24", "ib0 10.0.0.2/16"])
    choice = choose(both, {})
    assert choice.settled == {} and set(choice.open) == {"a", "b"}
    assert choice.networks == (ip_network("10.0.0.0/16"), ip_network("192.0.2.0/24"))
    assert settled(choose(both, {}, ip_network("192.0.2.0/24"))) == {"a": "192.0.2.1", "b": "192.0.2.2"}
    assert settled(choose(both, {}, ip_network("192.0.0.0/8"))) == {"a": "192.0.2.1", "b": "192.0.2.2"}
    assert choose(both, {}, ip_network("203.0.113.0/24")).open == {"a": (), "b": ()}


def test_what_is_written_decides_for_the_others():
    both = hosts(a=["eth0 192.0.2.1/24", "ib0 10.0.0.1/16"], b=["eth0 192.0.2.2/24", "ib0 10.0.0.2/16"])
    assert settled(choose(both, {"a": "10.0.0.1"})) == {"a": "10.0.0.1", "b": "10.0.0.2"}
    down = choose({"b": both["b"]}, {"a": "10.0.0.1"})
    assert settled(down) == {"b": "10.0.0.2"}
    wrong = choose(both, {"a": "203.0.113.1"})
    assert wrong.settled == {} and len(wrong.networks) == 2


def test_one_host_with_several_addresses_stays_open():
    alone = choose(hosts(a=["eth0 192.0.2.1/24", "ib0 10.0.0.1/16"]), {})
    assert alone.settled == {} and set(alone.open) == {"a"}
    twice = choose(hosts(a=["eth0 192.0.2.1/24", "eth1 192.0.2.2/24", "ib0 10.0.0.1/16"]), {})
    assert twice.settled == {}


def test_containers_and_what_all_have_alike_do_not_count():
    choice = choose(
        hosts(
            a=[
                "docker0 172.17.0.1/16",
                "br-0123456789ab 172.18.0.1/16",
                "vip 192.0.2.9/32",
                "eth0 192.0.2.1/24",
            ],
            b=["docker0 172.19.0.1/16", "veth12 10.1.1.1/24", "vip 192.0.2.9/32", "eth0 192.0.2.2/24"],
        ),
        {},
    )
    assert settled(choice) == {"a": "192.0.2.1", "b": "192.0.2.2"}


def test_ipv6_where_there_is_nothing_else():
    mixed = hosts(
        a=["eth0 2001:db8::1/64", "eth0 192.0.2.1/24"], b=["eth0 2001:db8::2/64", "eth0 192.0.2.2/24"]
    )
    assert settled(choose(mixed, {})) == {"a": "192.0.2.1", "b": "192.0.2.2"}
    sixth = hosts(a=["eth0 2001:db8::1/64"], b=["eth0 2001:db8::2/64"])
    assert settled(choose(sixth, {})) == {"a": "2001:db8::1", "b": "2001:db8::2"}


def test_no_address_at_all():
    choice = choose({"a": (), "b": tuple(map(interface, ["eth0 192.0.2.2/24"]))}, {})
    assert choice.settled == {} and choice.open["a"] == ()
