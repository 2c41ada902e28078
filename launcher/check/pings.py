"""Which NPU asks which for an answer, so that a check sees much of the network in a short time. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

MOST = 4
"""Addresses that an NPU asks, one after the other; each takes some seconds."""

Ips = Mapping[str, Mapping[int, str]]
"""Addresses of NPUs by host label and physical id."""


@dataclass(frozen=True, slots=True)
class Peer:
    """An NPU of another host, which an NPU of this host must reach."""

    device: int
    """Physical id of the NPU of this host."""
    address: str
    host: str


Peers = dict[str, tuple[Peer, ...]]
"""Of each host, by label: whom its NPUs ask, the most important of each NPU first."""


def some_pairs(ips: Ips, most: int = MOST) -> Peers:
    """Each NPU asks that of its own number on the next host, then on others, then NPUs of other numbers.

    Which other hosts come first differs from NPU to NPU: with D on each host every two hosts are tried up to
    2 D (most - 1) + 3 hosts. Where a number is not there, the NPU at the same position is taken.
    """
    circle = [label for label, known in ips.items() if known]
    found = {label: tuple(_of_host(ips, circle, at, most)) for at, label in enumerate(circle)}
    return {label: found.get(label, ()) for label in ips}


def _of_host(ips: Ips, circle: list[str], at: int, most: int) -> Iterator[Peer]:
    devices = sorted(ips[circle[at]])
    for position, device in enumerate(devices):
        hosts = (
            (circle[(at + step) % len(circle)], aside)
            for aside in range(most)
            for step in _steps(len(circle), position, len(devices))
        )
        found: dict[Peer, None] = {}
        for host, aside in hosts:
            found[Peer(device, _address(ips[host], device, position, aside), host)] = None
            if len(found) == most:
                break
        yield from found


def _steps(hosts: int, position: int, positions: int) -> Iterator[int]:
    """Along the circle: to the next host, then, from a start of its own, up to half around, then the rest."""
    if hosts < 2:
        return iter(())
    near, far = range(2, hosts // 2 + 1), range(hosts // 2 + 1, hosts)
    start = position * len(near) // positions
    return chain((1,), near[start:], near[:start], far)


def _address(there: Mapping[int, str], device: int, position: int, aside: int) -> str:
    """Of the NPU so many places beside that of the same number, or else beside that at the same position."""
    in_order = sorted(there)
    place = in_order.index(device) if device in there else position
    return there[in_order[(place + aside) % len(in_order)]]


def all_pairs(ips: Ips) -> Peers:
    """Each two NPUs of different hosts once, shared out evenly."""
    circle = [(label, device) for label, known in ips.items() for device in sorted(known)]
    found: dict[str, list[Peer]] = {label: [] for label in ips}
    for at, (label, device) in enumerate(circle):
        for step in range(1, len(circle) // 2 + 1):
            host, other = circle[(at + step) % len(circle)]
            is_opposite = 2 * step == len(circle)
            if host != label and not (is_opposite and at >= step):
                found[label].append(Peer(device, ips[host][other], host))
    return {label: tuple(peers) for label, peers in found.items()}
