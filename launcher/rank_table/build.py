"""From a placement (which device each rank may use) to a rank table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, groupby

from launcher.rank_table.check import refuse_errors
from launcher.rank_table.finding import Problem, RankTableError
from launcher.rank_table.json_text import to_finding
from launcher.rank_table.model import Chip, Device, RankTable, Server, SuperPod


@dataclass(frozen=True, slots=True)
class Entry:
    """One device that gets a rank. ``super_pod`` is the id of the A3 super pod of its server, if any."""

    server_id: str
    device_id: int
    host_ip: str | None = None
    device_ip: str | None = None
    super_device_id: str | None = None
    super_pod: str | None = None


def build(entries: Iterable[Entry], *, chip: Chip) -> RankTable:
    """Number the entries and arrange them as HCCL and MindSpore want them.

    Servers are sorted by ``server_id`` as strings, devices by ``device_id``; ranks count from 0 in that
    order; each host is one server. The version is 1.2 if an entry names a super pod, else 1.0.

    Raises:
        RankTableError: with every finding of severity error that ``check`` would have.
            Super pods whose servers do not sort together are refused too: no order would suit both.
    """
    ordered = sorted(entries, key=lambda entry: (entry.server_id, entry.device_id))
    hosts = [list(group) for _, group in groupby(ordered, key=lambda entry: entry.server_id)]
    _refuse_contradictions(hosts)
    ranks = count()
    table = RankTable(
        version="1.2" if any(entry.super_pod is not None for entry in ordered) else "1.0",
        servers=tuple(_server(host, ranks, chip) for host in hosts),
        super_pods=_super_pods(hosts),
    )
    refuse_errors(table, chip)
    return table


def _server(host: list[Entry], ranks: Iterator[int], chip: Chip) -> Server:
    """``host_ip`` is written for A3 only: elsewhere HCCL would use the host's NIC if a device has none."""
    return Server(
        server_id=host[0].server_id,
        devices=tuple(
            Device(
                device_id=entry.device_id,
                rank_id=next(ranks),
                device_ip=entry.device_ip,
                super_device_id=entry.super_device_id,
            )
            for entry in host
        ),
        host_ip=host[0].host_ip if chip is Chip.ASCEND910_93 else None,
    )


def _super_pods(hosts: list[list[Entry]]) -> tuple[SuperPod, ...]:
    members: dict[str, list[str]] = {}
    for host in hosts:
        if host[0].super_pod is not None:
            members.setdefault(host[0].super_pod, []).append(host[0].server_id)
    return tuple(SuperPod(name, tuple(server_ids)) for name, server_ids in members.items())


def _refuse_contradictions(hosts: list[list[Entry]]) -> None:
    problems = [
        Problem("server-entries-agree", ("server_list", index), f"server {host[0].server_id!r}: {message}")
        for index, host in enumerate(hosts)
        for message in _contradictions(host)
    ]
    if problems:
        raise RankTableError(map(to_finding, problems))


def _contradictions(host: list[Entry]) -> Iterator[str]:
    host_ips = {entry.host_ip for entry in host}
    super_pods = {entry.super_pod for entry in host}
    if len(host_ips) > 1:
        yield f"its ranks name several values of host_ip: {_listing(host_ips)}"
    if len(super_pods) > 1:
        yield f"its ranks name several super pods: {_listing(super_pods)}"


def _listing(values: set[str | None]) -> str:
    return ", ".join(sorted("none" if value is None else repr(value) for value in values))
