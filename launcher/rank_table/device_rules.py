"""Rules about single devices: ids, addresses and ports."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from launcher.rank_table.finding import Problem
from launcher.rank_table.model import Chip, Device, Path, RankTable, Server
from launcher.rank_table.server_rules import is_address

PORT_MAX = 65535
VNPU_FIRST_ID = 100


def device_ids_are_in_range(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Physical ids that the family has; vNPUs (100 and above) have no HCCL."""
    largest = max(known.max_device_id for known in ([chip] if chip else Chip))
    family = chip.value if chip else "any supported NPU"
    for path, _, device in table.located_devices():
        if device.device_id > largest:
            vnpu = " (a vNPU)" if device.device_id >= VNPU_FIRST_ID else ""
            message = f"device {device.device_id}{vnpu} is above {largest}, the largest of {family}"
            yield Problem("device-id-range", (*path, "device_id"), message)


def device_ids_are_unique(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Several ranks may share a device only when each has a port of its own."""
    for path, server in table.located_servers():
        ports: dict[int, set[int | None]] = {}
        for index, device in enumerate(server.devices):
            taken = ports.setdefault(device.device_id, set())
            if taken and (None in taken or device.device_port is None or device.device_port in taken):
                message = f"device {device.device_id} of server {server.server_id!r} is listed twice"
                yield Problem("device-id-duplicate", (*path, "device", index, "device_id"), message)
            taken.add(device.device_port)


def device_ips_are_present(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Every device has an address where HCCL connects by RoCE."""
    reason = _why_device_ip_is_required(table, chip)
    if reason is None:
        return
    for path, server, device in table.located_devices():
        if not device.addresses:
            message = f"device {device.device_id} of server {server.server_id!r} has no device_ip, {reason}"
            yield Problem("device-ip-required", (*path, "device_ip"), message)


def _why_device_ip_is_required(table: RankTable, chip: Chip | None) -> str | None:
    if chip is Chip.ASCEND910:
        return "required on ascend910"
    if table.version == "1.2" and table.super_pods:
        return "required with several super pods" if len(table.super_pods) > 1 else None
    return "required with several servers" if len(table.servers) > 1 else None


def device_ips_are_valid(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Every part of ``device_ip`` is an address."""
    for path, _, device in table.located_devices():
        for text in device.addresses:
            if not is_address(text):
                yield Problem("device-ip-valid", (*path, "device_ip"), f"{text!r} is not an IP address")


def device_ips_are_unique(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """No address belongs to two devices, however it is written."""
    owners: dict[IPv4Address | IPv6Address, str] = {}
    for path, server, device, address in _addresses(table):
        owner = owners.get(address)
        if owner:
            message = f"{address} is the address of {owner} too"
            yield Problem("device-ip-duplicate", (*path, "device_ip"), message)
        owners[address] = f"device {device.device_id} of server {server.server_id!r}"


def device_ip_counts_are_equal(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """A device without device_ip counts as one, as in HCCL's parser."""
    first: int | None = None
    for path, _, device in table.located_devices():
        count = len(device.addresses) or 1
        first = first or count
        if count != first:
            message = f"{count} addresses, but the first device has {first}"
            yield Problem("device-ip-count", (*path, "device_ip"), message)


def device_ip_families_are_equal(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """HCCL compares the first address of each rank; further ones may be of the other family."""
    first: int | None = None
    for path, _, device in table.located_devices():
        if not device.addresses or not is_address(device.addresses[0]):
            continue
        version = ip_address(device.addresses[0]).version
        first = first or version
        if version != first:
            message = f"an IPv{version} address, but the first device has IPv{first}"
            yield Problem("device-ip-family", (*path, "device_ip"), message)


def backup_addresses_are_of_the_other_die(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Only the two dies of one A3 NPU (device ids 2n and 2n+1) back each other up."""
    owners = {(server.server_id, str(address)): device for _, server, device, address in _addresses(table)}
    for path, server, device in table.located_devices():
        if not device.backup_device_ip:
            continue
        key = (*path, "backup_device_ip")
        for text in device.backup_device_ip.split(","):
            if not is_address(text):
                yield Problem("backup-device-ip", key, f"{text!r} is not an IP address")
                continue
            owner = owners.get((server.server_id, str(ip_address(text))))
            fault = _backup_fault(device, owner) if owner else None
            if fault:
                yield Problem("backup-device-ip", key, f"{text} {fault}")


def _backup_fault(device: Device, owner: Device) -> str | None:
    if owner.device_id != device.device_id ^ 1:
        return f"belongs to device {owner.device_id}, not to the other die of device {device.device_id}"
    if device.backup_device_port is not None and device.backup_device_port == owner.device_port:
        return f"port {owner.device_port} is already the device_port of device {owner.device_id}"
    return None


def ports_are_in_range(table: RankTable, chip: Chip | None) -> Iterator[Problem]:
    """Ports are from 1 to 65535."""
    for path, _, device in table.located_devices():
        for key in ("device_port", "backup_device_port", "host_port"):
            port: int | None = getattr(device, key)
            if port is not None and not 1 <= port <= PORT_MAX:
                yield Problem("port-range", (*path, key), f"port {port} is not in 1..{PORT_MAX}")


def _addresses(
    table: RankTable,
) -> Iterator[tuple[Path, Server, Device, IPv4Address | IPv6Address]]:
    for path, server, device in table.located_devices():
        for text in device.addresses:
            if is_address(text):
                yield path, server, device, ip_address(text)
