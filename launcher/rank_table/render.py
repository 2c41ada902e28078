"""The JSON form of a rank table: all scalars strings, one device a line, equal tables give equal bytes."""

from __future__ import annotations

import json

from launcher.rank_table.model import Device, RankTable, Server, SuperPod, Version


def render(table: RankTable) -> str:
    """Write the table as it stands (``build`` has put it in order), with status ``completed``.

    Keys follow the vendor's samples; absent optional values have no key. ``host_nic_ip`` is what MindSpore's
    samples of version 1.0 have; HCCL does not read it. Returns ASCII text that ends in a newline.
    """
    servers = [_render_server(server, table.version) for server in table.servers]
    sections = [
        '"status": "completed"',
        f'"version": "{table.version}"',
        f'"server_count": "{len(table.servers)}"',
        f'"server_list": [\n{_lines(servers)}\n ]',
    ]
    if table.super_pods:
        super_pods = _lines([_render_super_pod(super_pod) for super_pod in table.super_pods])
        sections.append(f'"super_pod_list": [\n{super_pods}\n ]')
    return "{" + ",\n ".join(sections) + "}\n"


def _render_server(server: Server, version: Version) -> str:
    devices = _lines([f"    {_render_device(device)}" for device in server.devices])
    members = [f'"server_id": {json.dumps(server.server_id)}']
    if server.host_ip is not None:
        members.append(f'"host_ip": {json.dumps(server.host_ip)}')
    members.append(f'"device": [\n{devices}\n   ]')
    if version == "1.0":
        members.append('"host_nic_ip": "reserve"')
    return "  {" + ",\n   ".join(members) + "}"


def _render_device(device: Device) -> str:
    values = {
        "device_id": device.device_id,
        "super_device_id": device.super_device_id,
        "device_ip": device.device_ip,
        "device_port": device.device_port,
        "backup_device_ip": device.backup_device_ip,
        "backup_device_port": device.backup_device_port,
        "host_port": device.host_port,
        "rank_id": device.rank_id,
    }
    return json.dumps({key: str(value) for key, value in values.items() if value is not None})


def _render_super_pod(super_pod: SuperPod) -> str:
    members = {
        "super_pod_id": super_pod.super_pod_id,
        "server_list": [{"server_id": server_id} for server_id in super_pod.server_ids],
    }
    return f"  {json.dumps(members)}"


def _lines(items: list[str]) -> str:
    return ",\n".join(items)
