"""From the legacy ``group_list`` form (template 2, which ModelArts mounts) to version 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from launcher.rank_table.check import refuse_errors
from launcher.rank_table.finding import RankTableError
from launcher.rank_table.json_text import parse_json
from launcher.rank_table.model import Chip, Device, Path, RankTable, Server
from launcher.rank_table.reader import Members, Reader, read_status


def convert_group_list(
    text: str,
    *,
    source: str,
    chip: Chip | None = None,
    addresses: Mapping[str, str] | None = None,
) -> RankTable:
    """Convert a table of one group. A rank is a device's position; containers of one host become one server.

    Args:
        text: the content of the file.
        source: how findings name the text, usually its path.
        chip: the NPU family; None skips the rules of one family.
        addresses: the ``server_id`` to write (MindSpore uses the host's address) for each one in the text;
            None keeps them.

    Raises:
        RankTableError: the text is not such a table, its status is not completed, its counts disagree,
            a server is not in ``addresses``, or the result breaks a rule. Holds every finding.
    """
    document = parse_json(text, source)
    reader = Reader()
    instances = _read_root(reader, document.data) if document.is_json else []
    problems = [*document.problems, *reader.problems]
    if problems:
        raise RankTableError(document.findings(problems))
    table = RankTable("1.0", _merge(instances))
    if addresses is not None:
        table = _rename(table, addresses, reader)
        if reader.problems:
            raise RankTableError(document.findings(reader.problems))
    refuse_errors(table, chip)
    return table


def _read_root(reader: Reader, root: object) -> list[Server]:
    if not isinstance(root, dict):
        reader.report("root-object", (), "a rank table is an object")
        return []
    read_status(reader, root)
    groups = list(reader.objects(root, (), "group_list"))
    _check_count(reader, root, (), "group_count", len(groups))
    if len(groups) > 1:
        reader.report("group-list-count", ("group_list",), f"{len(groups)} groups; only one can be converted")
    return [server for path, group in groups for server in _read_group(reader, path, group)]


def _read_group(reader: Reader, path: Path, group: Members) -> list[Server]:
    instances = [_read_instance(reader, *item) for item in reader.objects(group, path, "instance_list")]
    _check_count(reader, group, path, "instance_count", len(instances))
    _check_count(reader, group, path, "device_count", sum(len(server.devices) for server in instances))
    return instances


def _read_instance(reader: Reader, path: Path, instance: Members) -> Server:
    devices = [
        Device(
            device_id=reader.integer(device, device_path, "device_id", required=True) or 0,
            rank_id=0,  # the position among all devices, given when all are known
            device_ip=reader.text(device, device_path, "device_ip"),
        )
        for device_path, device in reader.objects(instance, path, "devices")
    ]
    return Server(reader.text(instance, path, "server_id", required=True) or "", tuple(devices))


def _check_count(reader: Reader, members: Members, path: Path, key: str, actual: int) -> None:
    count = reader.integer(members, path, key, required=True)
    if count is not None and reader.structure_is_whole and count != actual:
        reader.report("group-list-count", (*path, key), f"is {count}, but the list has {actual}")


def _merge(instances: list[Server]) -> tuple[Server, ...]:
    """One server a host; ranks in the order of the instances, whichever host they are on."""
    devices: dict[str, list[Device]] = {}
    rank = 0
    for instance in instances:
        for device in instance.devices:
            devices.setdefault(instance.server_id, []).append(replace(device, rank_id=rank))
            rank += 1
    return tuple(Server(name, tuple(members)) for name, members in devices.items())


def _rename(table: RankTable, addresses: Mapping[str, str], reader: Reader) -> RankTable:
    for server in table.servers:
        if server.server_id not in addresses:
            message = f"server {server.server_id!r} is not in the address map"
            reader.report("server-address-unknown", ("group_list",), message)
    return replace(
        table,
        servers=tuple(
            replace(server, server_id=addresses.get(server.server_id, "")) for server in table.servers
        ),
    )
