"""Which rank runs on which device of which host. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from launcher.spec.cluster import Cluster, DeviceKind, Host
from launcher.spec.job import Job, Placement

_HALF_910A = 4
_GROUPS_910A = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Slot:
    """A rank's place. `device` is the physical id, None where the job needs no device."""

    rank: int
    host: Host
    local_rank: int
    device: int | None


class PlacementError(ValueError):
    """The job does not fit the cluster; `path` leads to the value in the job file that asks too much."""

    def __init__(self, message: str, path: tuple[str, ...] = ("ranks",)) -> None:
        super().__init__(message)
        self.path = path


def server_id(host: Host) -> str:
    """What the rank table calls the host; ranks follow the order of these as strings (MindSpore, HCCL)."""
    return host.host_ip or host.label


def place(cluster: Cluster, job: Job) -> tuple[Slot, ...]:
    """Ranks in order, contiguous from 0 by (server id as a string, device id).

    Raises PlacementError when there are more ranks than devices, when ranks cannot be spread evenly, or
    when a 910A host would get a group that HCCL refuses (1, 2, 4 or 8 devices, within 0-3 or 4-7).
    """
    counts = _counts(cluster, job)
    chosen = [
        (host, _choose(cluster, job, host, count))
        for host, count in zip(cluster.hosts, counts, strict=True)
        if count
    ]
    _equal_on_910a(cluster, job, [len(devices) for _, devices in chosen])
    chosen.sort(key=lambda item: server_id(item[0]))
    return tuple(_slots(chosen, with_device=bool(job.devices_per_rank)))


def _slots(chosen: Sequence[tuple[Host, Sequence[int]]], *, with_device: bool) -> Iterator[Slot]:
    rank = 0
    for host, devices in chosen:
        for local_rank, device in enumerate(devices):
            yield Slot(rank, host, local_rank, device if with_device else None)
            rank += 1


def _counts(cluster: Cluster, job: Job) -> list[int]:
    capacity = [len(cluster.devices_of(host)) for host in cluster.hosts]
    total = sum(capacity)
    ranks = total if job.ranks == "all" else job.ranks
    if ranks > total:
        raise PlacementError(
            f"{ranks} ranks, but cluster {cluster.name} has {total} devices on {len(capacity)} host(s)"
        )
    return _spread(ranks, capacity) if job.placement is Placement.SPREAD else _pack(ranks, capacity)


def _pack(ranks: int, capacity: Sequence[int]) -> list[int]:
    counts = []
    for room in capacity:
        counts.append(min(room, ranks))
        ranks -= counts[-1]
    return counts


def _spread(ranks: int, capacity: Sequence[int]) -> list[int]:
    each, rest = divmod(ranks, len(capacity))
    if rest:
        raise PlacementError(f"{ranks} ranks cannot be spread equally over {len(capacity)} hosts")
    if each > min(capacity):
        raise PlacementError(f"{each} ranks a host, but the smallest host has {min(capacity)} devices")
    return [each] * len(capacity)


def _choose(cluster: Cluster, job: Job, host: Host, count: int) -> tuple[int, ...]:
    devices = cluster.devices_of(host)
    if cluster.device is not DeviceKind.ASCEND910 or not job.devices_per_rank:
        return devices[:count]
    if count not in _GROUPS_910A:
        raise PlacementError(
            f"{count} ranks on host {host.label}: HCCL takes 1, 2, 4 or 8 devices of a 910A server"
        )
    lower = [device for device in devices if device < _HALF_910A]
    upper = [device for device in devices if device >= _HALF_910A]
    for group in (lower, upper, list(devices) if count == 2 * _HALF_910A else []):
        if len(group) >= count:
            return tuple(group[:count])
    raise PlacementError(
        f"{count} ranks on host {host.label} with devices {', '.join(map(str, devices))}: on a 910A a group "
        "of 2 or 4 must lie within devices 0-3 or within 4-7"
    )


def _equal_on_910a(cluster: Cluster, job: Job, counts: Sequence[int]) -> None:
    if cluster.device is DeviceKind.ASCEND910 and job.devices_per_rank and len(set(counts)) > 1:
        raise PlacementError(
            f"hosts would get {', '.join(map(str, counts))} ranks: 910A servers need equal numbers; "
            "use `placement: spread` or another number of ranks"
        )
