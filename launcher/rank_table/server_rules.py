"""Rules about servers, how many devices each gives, and the order of ranks."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise

from launcher.rank_table.finding import Problem
from launcher.rank_table.model import Chip, Path, RankTable, Server

SERVER_ID_MAX_BYTES = 64

LocatedServer = tuple[Path, Server]


def servers_are_listed(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """At least one server."""
    if not table.servers:
        yield Problem("server-list-empty", ("server_list",), "no server is listed")


def server_ids_are_valid(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Names are not empty, at most 64 bytes, and unique."""
    seen: set[str] = set()
    for path, server in table.located_servers():
        key = (*path, "server_id")
        name = server.server_id
        size = len(name.encode(errors="surrogatepass"))
        if not name:
            yield Problem("server-id-empty", key, "server_id is empty")
        elif name in seen:
            yield Problem("server-id-duplicate", key, f"server {name!r} is listed twice")
        if size > SERVER_ID_MAX_BYTES:
            yield Problem(
                "server-id-length", key, f"{name!r} has {size} bytes, {SERVER_ID_MAX_BYTES} at most"
            )
        seen.add(name)


def host_ips_are_valid(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """A ``host_ip`` is one address, and no host is listed as two servers."""
    owners: dict[str, str] = {}
    for path, server in table.located_servers():
        if server.host_ip is None:
            continue
        key = (*path, "host_ip")
        if not is_address(server.host_ip):
            yield Problem("host-ip-valid", key, f"{server.host_ip!r} is not an IP address")
            continue
        owner = owners.setdefault(server.host_ip, server.server_id)
        if owner != server.server_id:
            yield Problem("host-ip-duplicate", key, f"{server.host_ip} is the host of server {owner!r} too")


def servers_have_devices(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """No server without a device."""
    for path, server in table.located_servers():
        if not server.devices:
            yield Problem(
                "device-list-empty", (*path, "device"), f"server {server.server_id!r} has no device"
            )


def device_groups_fit_910(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """On 910 (A) the devices 0-3 and 4-7 are two rings; HCCL's algorithms need whole ones or halves."""
    if chip is not Chip.ASCEND910:
        return
    for path, server in table.located_servers():
        ids = {device.device_id for device in server.devices}
        if server.devices and len(server.devices) not in (1, 2, 4, 8):
            yield Problem(
                "device-count-910", (*path, "device"), f"{len(server.devices)} devices of one server"
            )
        if len(server.devices) in (2, 4) and min(ids) < 4 <= max(ids):
            message = f"devices {sorted(ids)} cross the border between 3 and 4"
            yield Problem("device-half-910", (*path, "device"), message)


def device_counts_are_equal(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Equally many devices a server: a must on 910 (A), for speed elsewhere."""
    rule = "device-count-equal-910" if chip is Chip.ASCEND910 else "device-count-equal"
    for path, server in table.located_servers():
        first = table.servers[0]
        if len(server.devices) != len(first.devices):
            message = (
                f"{len(server.devices)} devices, but server {first.server_id!r} has {len(first.devices)}"
            )
            yield Problem(rule, (*path, "device"), message)
            return


def rank_ids_are_contiguous(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Ranks are 0, 1, 2, ... each once; where they stand in the file does not matter to HCCL."""
    owners: dict[int, Path] = {}
    for path, _, device in table.located_devices():
        if device.rank_id in owners:
            yield Problem("rank-id-duplicate", (*path, "rank_id"), f"rank {device.rank_id} occurs twice")
        owners.setdefault(device.rank_id, path)
    for expected, rank in enumerate(sorted(owners)):
        if rank != expected:
            message = f"rank {expected} is missing; the next is {rank}"
            yield Problem("rank-id-contiguous", (*owners[rank], "rank_id"), message)
            return


def ranks_follow_servers(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Ranks of two servers never interleave; MindSpore wants them in the order of server_id as strings."""
    servers = by_first_rank(table)
    for (_, before), (path, server) in pairwise(servers):
        last = max(device.rank_id for device in before.devices)
        if last > min(device.rank_id for device in server.devices):
            message = f"its ranks interleave with those of server {before.server_id!r}"
            yield Problem("rank-id-interleaved", path, message)
        if server.server_id < before.server_id:
            message = f"{server.server_id!r} sorts before {before.server_id!r}, but its ranks come after"
            yield Problem("rank-server-order", (*path, "server_id"), message)


def ranks_follow_devices(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Within a server, ranks follow the physical order of the devices."""
    for path, server in table.located_servers():
        ranked = sorted(enumerate(server.devices), key=lambda item: item[1].rank_id)
        for (_, before), (index, device) in pairwise(ranked):
            if device.device_id < before.device_id:
                message = (
                    f"device {device.device_id} has rank {device.rank_id}, "
                    f"device {before.device_id} the lower rank {before.rank_id}"
                )
                yield Problem("rank-device-order", (*path, "device", index, "rank_id"), message)
                break


def by_first_rank(table: RankTable) -> list[LocatedServer]:
    """The servers that have devices, in the order of their lowest rank, as HCCL sorts them."""
    servers = [item for item in table.located_servers() if item[1].devices]
    return sorted(servers, key=lambda item: min(device.rank_id for device in item[1].devices))


def is_address(text: str) -> bool:
    """Whether HCCL's ``inet_pton`` would take the text: IPv4 or IPv6, no scope, no spaces."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
