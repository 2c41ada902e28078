"""The rank table of a placement."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.plan.placement import Slot, server_id
from launcher.rank_table import Chip, Entry, build, render
from launcher.spec.cluster import Cluster


def rank_table(cluster: Cluster, slots: Sequence[Slot]) -> str:
    """Text of the table. Raises launcher.rank_table.RankTableError with all findings."""
    return render(build([_entry(slot) for slot in slots], chip=Chip(cluster.device.value)))


def _entry(slot: Slot) -> Entry:
    device = slot.device if slot.device is not None else slot.local_rank
    return Entry(
        server_id=server_id(slot.host),
        device_id=device,
        host_ip=slot.host.host_ip,
        device_ip=slot.host.device_ips.get(device),
        super_device_id=slot.host.super_device_ids.get(device),
        super_pod=slot.host.super_pod,
    )
