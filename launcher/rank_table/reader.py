"""From JSON to the model: the rules about keys and types, and a table as whole as the text allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from launcher.rank_table.finding import Problem
from launcher.rank_table.json_text import Document, Number
from launcher.rank_table.model import Device, Path, RankTable, Server, SuperPod, Version

_DECIMAL = re.compile(r"[0-9]{1,10}")
_U32_MAX = 0xFFFFFFFF

Members = dict[str, object]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text holds.

    ``table`` is None where its structure could not be read; ``unread`` are the keys of which some value could
    not: rules about those keys would report consequences, not causes.
    """

    table: RankTable | None
    problems: tuple[Problem, ...]
    unread: frozenset[str]


class Reader:
    """Fetches values from parsed JSON and collects what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.unread: set[str] = set()
        self.structure_is_whole = True

    def report(self, rule: str, path: Path, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(rule, path, message))

    def text(self, parent: Members, path: Path, key: str, *, required: bool = False) -> str | None:
        """The string under ``key``; a bare number is reported and taken as its text."""
        if key not in parent:
            if required:
                self._report_missing(parent, path, key)
            return None
        value = parent[key]
        if isinstance(value, Number):
            self.report("value-not-string", (*path, key), f'{value} must be the string "{value}"')
            return str(value)
        if isinstance(value, str):
            return value
        self.report("value-type", (*path, key), f"expected a string, found {_type_name(value)}")
        self.unread.add(key)
        return None

    def integer(self, parent: Members, path: Path, key: str, *, required: bool = False) -> int | None:
        """The unsigned 32-bit number that the string under ``key`` holds."""
        text = self.text(parent, path, key, required=required)
        if text is None:
            return None
        if _DECIMAL.fullmatch(text) and int(text) <= _U32_MAX:
            return int(text)
        self.report("number-decimal", (*path, key), f"{text!r} is not a decimal number of 32 bits")
        self.unread.add(key)
        return None

    def objects(self, parent: Members, path: Path, key: str) -> Iterator[tuple[Path, Members]]:
        """The objects of the list under ``key``, each with its path."""
        if key not in parent:
            self._report_missing(parent, path, key)
            self.structure_is_whole = False
            return
        items = parent[key]
        if not isinstance(items, list):
            self._report_structure((*path, key), "a list", items)
            return
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield (*path, key, index), item
            else:
                self._report_structure((*path, key, index), "an object", item)

    def _report_structure(self, path: Path, expected: str, value: object) -> None:
        self.report("value-type", path, f"expected {expected}, found {_type_name(value)}")
        self.structure_is_whole = False

    def _report_missing(self, parent: Members, path: Path, key: str) -> None:
        close = get_close_matches(key, parent, n=1)
        hint = f" (did you mean it by {close[0]!r}?)" if close else ""
        self.report("key-missing", (*path, key), f"required key {key!r} is missing{hint}")
        self.unread.add(key)


def read_table(document: Document) -> Reading:
    """Read a table of version 1.0 or 1.2, reporting all that is wrong with its keys and types."""
    reader = Reader()
    table = _read_root(reader, document.data) if document.is_json else None
    return Reading(
        table=table if reader.structure_is_whole else None,
        problems=(*document.problems, *reader.problems),
        unread=frozenset(reader.unread),
    )


def _read_root(reader: Reader, root: object) -> RankTable | None:
    if not isinstance(root, dict):
        reader.report("root-object", (), f"a rank table is an object, this is {_type_name(root)}")
        return None
    if "group_list" in root and "server_list" not in root:
        reader.report("group-list", ("group_list",), "this is the legacy group_list form, not checked here")
        return None
    version = _read_version(reader, root)
    if version is None:
        return None
    read_status(reader, root)
    servers = tuple(_read_server(reader, *item) for item in reader.objects(root, (), "server_list"))
    _check_server_count(reader, root, len(servers))
    return RankTable(version, servers, _read_super_pods(reader, root, version))


def _read_version(reader: Reader, root: Members) -> Version | None:
    """The version; where it is missing, the one that the other keys speak for."""
    version = reader.text(root, (), "version", required=True)
    if version == "1.0":
        return "1.0"
    if version == "1.2":
        return "1.2"
    if version is not None:
        reader.report("version-unsupported", ("version",), f"version {version!r} is not supported")
        return None
    return "1.2" if "super_pod_list" in root else "1.0"


def read_status(reader: Reader, root: Members) -> None:
    """Report a status other than completed."""
    status = reader.text(root, (), "status", required=True)
    if status is not None and status != "completed":
        reader.report("status-completed", ("status",), f"status is {status!r}: the table is not usable")


def _check_server_count(reader: Reader, root: Members, actual: int) -> None:
    if "server_count" not in root:
        reader.report("server-count-absent", ("server_count",), "server_count is absent")
        return
    count = reader.integer(root, (), "server_count")
    if count is not None and reader.structure_is_whole and count != actual:
        reader.report("server-count", ("server_count",), f"is {count}, but server_list has {actual} entries")


def _read_server(reader: Reader, path: Path, members: Members) -> Server:
    server_id = reader.text(members, path, "server_id", required=True)
    return Server(
        server_id="" if server_id is None else server_id,
        devices=tuple(_read_device(reader, *item) for item in reader.objects(members, path, "device")),
        host_ip=reader.text(members, path, "host_ip"),
    )


def _read_device(reader: Reader, path: Path, members: Members) -> Device:
    return Device(
        device_id=reader.integer(members, path, "device_id", required=True) or 0,
        rank_id=reader.integer(members, path, "rank_id", required=True) or 0,
        device_ip=reader.text(members, path, "device_ip"),
        super_device_id=reader.text(members, path, "super_device_id"),
        device_port=reader.integer(members, path, "device_port"),
        backup_device_ip=reader.text(members, path, "backup_device_ip"),
        backup_device_port=reader.integer(members, path, "backup_device_port"),
        host_port=reader.integer(members, path, "host_port"),
    )


def _read_super_pods(reader: Reader, root: Members, version: Version) -> tuple[SuperPod, ...]:
    path: Path = ("super_pod_list",)
    if "super_pod_list" not in root:
        if version == "1.2":
            reader.report("super-pod-list-absent", path, "version 1.2 without super_pod_list")
        return ()
    if version == "1.2" and root["super_pod_list"] == []:
        reader.report("super-pod-server-missing", path, "the list is empty: no server is in a super pod")
    return tuple(_read_super_pod(reader, *item) for item in reader.objects(root, (), "super_pod_list"))


def _read_super_pod(reader: Reader, path: Path, members: Members) -> SuperPod:
    super_pod_id = reader.text(members, path, "super_pod_id", required=True)
    server_ids = [
        reader.text(server, server_path, "server_id", required=True)
        for server_path, server in reader.objects(members, path, "server_list")
    ]
    return SuperPod(
        super_pod_id="" if super_pod_id is None else super_pod_id,
        server_ids=tuple(server_id or "" for server_id in server_ids),
    )


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, Number):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"
