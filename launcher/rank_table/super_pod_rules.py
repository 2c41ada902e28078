"""Rules about A3 super pods and their device ids (SDID)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from launcher.rank_table.finding import Problem
from launcher.rank_table.model import Chip, Path, RankTable, Server, SuperPod
from launcher.rank_table.server_rules import LocatedServer, by_first_rank

_SDID_TEXT = re.compile(r"[0-9]{1,10}")


class Sdid(NamedTuple):
    """The fields of a super_device_id (HDK, ``dcmi_get_spod_node_status``)."""

    server_index: int
    chip: int
    die: int
    device_id: int

    @classmethod
    def parse(cls, text: str) -> Sdid | None:
        """None where the text is not an unsigned decimal number of 32 bits."""
        if not _SDID_TEXT.fullmatch(text) or int(text) > 0xFFFFFFFF:
            return None
        value = int(text)
        return cls(value >> 22, value >> 18 & 0xF, value >> 16 & 0x3, value & 0xFFFF)

    @property
    def is_possible(self) -> bool:
        """Whether an A3 server can have such a device: 48 servers, 8 chips, 2 dies."""
        in_range = self.server_index < 48 and self.chip < 8 and self.die < 2
        return in_range and self.device_id == self.chip * 2 + self.die


def version_fits_chip(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Version 1.2 is for A3."""
    if table.version == "1.2" and chip is not None and chip is not Chip.ASCEND910_93:
        yield Problem("version-chip", ("version",), f"version 1.2 on {chip.value}")


def super_pod_keys_are_heeded(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Version 1.0 has no super pods: HCCL would not read the keys."""
    if table.version == "1.2":
        return
    if table.super_pods:
        yield Problem("super-pod-ignored", ("super_pod_list",), "super_pod_list under version 1.0")
    for path, _, device in table.located_devices():
        if device.super_device_id is not None:
            yield Problem(
                "super-pod-ignored", (*path, "super_device_id"), "super_device_id under version 1.0"
            )
            return


def super_pod_ids_are_valid(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Names are not empty and unique."""
    seen: set[str] = set()
    for index, pod in enumerate(_pods(table)):
        key = ("super_pod_list", index, "super_pod_id")
        if not pod.super_pod_id:
            yield Problem("super-pod-id-empty", key, "super_pod_id is empty")
        elif pod.super_pod_id in seen:
            yield Problem("super-pod-id-duplicate", key, f"super pod {pod.super_pod_id!r} is listed twice")
        seen.add(pod.super_pod_id)


def super_pods_hold_each_server_once(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """The super pods and ``server_list`` name the same servers, each once."""
    known = {server.server_id for server in table.servers}
    seen: set[str] = set()
    for path, name in _pod_members(table):
        if name not in known:
            yield Problem("super-pod-server-unknown", path, f"server {name!r} is not in server_list")
        elif name in seen:
            yield Problem("super-pod-server-repeated", path, f"server {name!r} is already in a super pod")
        seen.add(name)
    for path, server in table.located_servers():
        if _pods(table) and server.server_id not in seen:
            yield Problem("super-pod-server-missing", path, f"server {server.server_id!r} is in no super pod")


def super_pods_have_servers(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """No super pod without a server."""
    for index, pod in enumerate(_pods(table)):
        if not pod.server_ids:
            path: Path = ("super_pod_list", index, "server_list")
            yield Problem("super-pod-empty", path, f"super pod {pod.super_pod_id!r} has no server")


def super_pods_are_contiguous(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Both as listed and as ranked, since HCCL sorts by rank."""
    pod_of = _pod_of(table)
    for order in (list(table.located_servers()), by_first_rank(table)):
        split = _first_split(order, pod_of)
        if split:
            path, server = split
            message = f"server {server.server_id!r} is apart from the rest of its super pod"
            yield Problem("super-pod-contiguous", path, message)
            return


def _first_split(order: list[LocatedServer], pod_of: dict[str, int]) -> LocatedServer | None:
    """The first server that comes back to a pod which another pod has interrupted."""
    left: set[int | None] = set()
    current: int | None = None
    for path, server in order:
        pod = pod_of.get(server.server_id)
        if pod is not None and pod != current:
            if pod in left:
                return path, server
            left.add(current)
            current = pod
    return None


def super_pod_sizes_are_equal(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Equally many servers and devices a super pod, for speed."""
    devices = {server.server_id: len(server.devices) for server in table.servers}
    first: tuple[int, int] | None = None
    for index, pod in enumerate(_pods(table)):
        counts = [devices[name] for name in pod.server_ids if name in devices]
        size = (len(counts), sum(counts))
        first = first or size
        if counts and size != first:
            message = f"{size[0]} servers, {size[1]} devices; the first pod has {first[0]} and {first[1]}"
            yield Problem("super-pod-size", ("super_pod_list", index), message)
            return


def super_device_ids_are_valid(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Each device of a super pod has an SDID, which A3 can have and which agrees with its device_id."""
    if not _pods(table):
        return
    for path, _, device in table.located_devices():
        key = (*path, "super_device_id")
        text = device.super_device_id
        if not text:
            yield Problem("super-device-id-missing", key, f"device {device.device_id} has no super_device_id")
        else:
            yield from _check_sdid(key, text, device.device_id)


def _check_sdid(key: Path, text: str, device_id: int) -> Iterator[Problem]:
    sdid = Sdid.parse(text)
    if sdid is None:
        yield Problem("super-device-id-decimal", key, f"{text!r} is not a decimal number of 32 bits")
    elif not sdid.is_possible:
        fields = ", ".join(f"{name} {value}" for name, value in sdid._asdict().items())
        yield Problem("super-device-id-layout", key, f"{text} means {fields}: no A3 device")
    elif sdid.device_id != device_id:
        message = f"{text} is device {sdid.device_id} of its server, device_id says {device_id}"
        yield Problem("super-device-id-device", key, message)


def super_device_ids_are_unique(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Within a super pod each SDID occurs once, and a server has one server index of its own."""
    pod_of = _pod_of(table)
    if not pod_of:
        return
    used: set[tuple[int | None, Sdid]] = set()
    owners: dict[tuple[int | None, int], str] = {}
    for path, server in table.located_servers():
        pod = pod_of.get(server.server_id)
        indexes = set()
        for key, sdid in _sdids(path, server):
            owner = owners.setdefault((pod, sdid.server_index), server.server_id)
            indexes.add(sdid.server_index)
            if (pod, sdid) in used:
                yield Problem("super-device-id-duplicate", key, "the super pod has this SDID already")
            elif owner != server.server_id:
                message = f"server index {sdid.server_index} is that of server {owner!r}"
                yield Problem("super-device-id-server", key, message)
            elif len(indexes) > 1:
                message = f"server indexes {sorted(indexes)} within one server"
                yield Problem("super-device-id-server", key, message)
            used.add((pod, sdid))


def _sdids(path: Path, server: Server) -> Iterator[tuple[Path, Sdid]]:
    for index, device in enumerate(server.devices):
        sdid = Sdid.parse(device.super_device_id or "")
        if sdid is not None:
            yield (*path, "device", index, "super_device_id"), sdid


def _pods(table: RankTable) -> tuple[SuperPod, ...]:
    return table.super_pods if table.version == "1.2" else ()


def _pod_of(table: RankTable) -> dict[str, int]:
    return {name: index for index, pod in enumerate(_pods(table)) for name in pod.server_ids}


def _pod_members(table: RankTable) -> Iterator[tuple[Path, str]]:
    for index, pod in enumerate(_pods(table)):
        for position, name in enumerate(pod.server_ids):
            yield ("super_pod_list", index, "server_list", position, "server_id"), name
