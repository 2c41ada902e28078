"""Which address of each host is on the network that reaches the others. Pure.

It is found where only one can be meant. Where several could, they are named, and a person chooses.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from launcher.discover.facts import Interface

Network = IPv4Network | IPv6Network
_OF_CONTAINERS = re.compile(
    r"docker\d+|br-[0-9a-f]{12}|veth.*|virbr\d+.*|cni\d+|flannel.*|cali.*|kube-.*|lxc.*"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What has been found."""

    settled: Mapping[str, Interface]
    """By label of the host."""
    networks: tuple[Network, ...] = ()
    """Each of them reaches every host that is not settled: one is to be chosen."""
    open: Mapping[str, tuple[Interface, ...]] = field(default_factory=dict)
    """What each host that is not settled has."""


def choose(
    hosts: Mapping[str, Sequence[Interface]],
    written: Mapping[str, str],
    within: Network | None = None,
) -> Choice:
    """The address of each host; `written` are those that the cluster file has already.

    `within` leaves out what is in no such network.
    """
    settled = {
        label: interface
        for label, interfaces in hosts.items()
        for interface in interfaces
        if interface.address == written.get(label)
    }
    common = Counter(address for listed in hosts.values() for address in {each.address for each in listed})
    usable = {
        label: _usable(interfaces, common, within)
        for label, interfaces in hosts.items()
        if label not in settled
    }
    single = {label: found[0] for label, found in usable.items() if len(found) == 1}
    if len(single) == len(usable):
        return Choice({**settled, **single})
    elsewhere = [ip_address(address) for label, address in written.items() if label not in usable]
    networks = _shared(usable, elsewhere)
    if len(networks) == 1 and len(hosts.keys() | written.keys()) > 1:
        return Choice({**settled, **_on(usable, networks[0])})
    return Choice(settled, tuple(networks), usable)


def _usable(
    interfaces: Sequence[Interface], common: Mapping[str, int], within: Network | None
) -> tuple[Interface, ...]:
    """Not those of containers, nor what several hosts have alike; IPv6 only where there is no other."""
    found = [
        each
        for each in interfaces
        if not _OF_CONTAINERS.fullmatch(each.name)
        and common[each.address] == 1
        and (within is None or (each.at.version == within.version and each.at.ip in within))
    ]
    version = min((each.at.version for each in found), default=0)
    return tuple(each for each in found if each.at.version == version)


def _shared(
    usable: Mapping[str, Sequence[Interface]], elsewhere: Sequence[IPv4Address | IPv6Address]
) -> list[Network]:
    """Networks in which every open host has exactly one address, and all others theirs."""
    seen = {each.at.network for found in usable.values() for each in found}
    return sorted(
        (
            network
            for network in seen
            if all(sum(each.at.network == network for each in found) == 1 for found in usable.values())
            and all(address.version == network.version and address in network for address in elsewhere)
        ),
        key=lambda network: (network.version, int(network.network_address), network.prefixlen),
    )


def _on(usable: Mapping[str, Sequence[Interface]], network: Network) -> dict[str, Interface]:
    return {label: each for label, found in usable.items() for each in found if each.at.network == network}
