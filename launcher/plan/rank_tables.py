"""The rank table of a placement."""

from __future__ import annotations

from collections.abc import Sequence

from launcher.plan.placement import Slot, server_id
from launcher.rank_table import Chip, Entry, build, render
from launcher.spec.cluster import Cluster, Host


def rank_table(cluster: Cluster, slots: Sequence[Slot]) -> str:
    """Text of the table. Raises launcher.rank_table.RankTableError with all findings."""
    entries = [_entry(slot.host, slot.device) for slot in slots if slot.device is not None]
    return render(build(entries, chip=Chip(cluster.device.value)))


def rank_table_of_all(cluster: Cluster) -> str:
    """Text of the table that gives every device of the cluster a rank. Raises RankTableError."""
    entries = [_entry(host, device) for host in cluster.hosts for device in cluster.devices_of(host)]
    return render(build(entries, chip=Chip(cluster.device.value)))


def _entry(host: Host, device: int) -> Entry:
    return Entry(
        server_id=server_id(host),
        device_id=device,
        host_ip=host.host_ip,
        device_ip=host.device_ips.get(device),
        super_device_id=host.super_device_ids.get(device),
        super_pod=host.super_pod,
    )
