"""Apply every rule to a rank table: to its text, or to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from launcher.rank_table import device_rules as device
from launcher.rank_table import server_rules as server
from launcher.rank_table import super_pod_rules as super_pod
from launcher.rank_table.finding import Finding, Problem, RankTableError
from launcher.rank_table.json_text import parse_json, to_finding
from launcher.rank_table.model import Chip, RankTable
from launcher.rank_table.reader import read_table


class _Check(NamedTuple):
    """``keys``: where a value of one of them could not be read, the check would only confuse."""

    find: Callable[[RankTable, Chip | None], Iterator[Problem]]
    keys: frozenset[str] = frozenset()


def _check(find: Callable[[RankTable, Chip | None], Iterator[Problem]], keys: str = "") -> _Check:
    return _Check(find, frozenset(keys.split()))


_CHECKS = (
    _check(super_pod.version_fits_chip, "version"),
    _check(server.servers_are_listed),
    _check(server.server_ids_are_valid, "server_id"),
    _check(server.host_ips_are_valid, "host_ip server_id"),
    _check(server.servers_have_devices),
    _check(server.device_groups_fit_910, "device_id"),
    _check(server.device_counts_are_equal),
    _check(device.device_ids_are_in_range, "device_id"),
    _check(device.device_ids_are_unique, "device_id device_port"),
    _check(device.device_ips_are_present, "device_ip version"),
    _check(device.device_ips_are_valid),
    _check(device.device_ips_are_unique),
    _check(device.device_ip_counts_are_equal, "device_ip"),
    _check(device.device_ip_families_are_equal),
    _check(device.backup_addresses_are_of_the_other_die, "device_id"),
    _check(device.ports_are_in_range),
    _check(server.rank_ids_are_contiguous, "rank_id"),
    _check(server.ranks_follow_servers, "rank_id server_id"),
    _check(server.ranks_follow_devices, "rank_id device_id"),
    _check(super_pod.super_pod_keys_are_heeded, "version"),
    _check(super_pod.super_pod_ids_are_valid, "super_pod_id"),
    _check(super_pod.super_pods_hold_each_server_once, "server_id"),
    _check(super_pod.super_pods_have_servers),
    _check(super_pod.super_pods_are_contiguous, "server_id rank_id"),
    _check(super_pod.super_pod_sizes_are_equal, "server_id"),
    _check(super_pod.super_device_ids_are_valid, "super_device_id device_id"),
    _check(super_pod.super_device_ids_are_unique, "super_device_id server_id"),
)


def check(text: str, *, chip: Chip | None, source: str) -> list[Finding]:
    """Check the text of a rank table against every rule that can be checked without the hardware.

    Args:
        text: the content of the file.
        chip: the NPU family; None skips the rules of one family.
        source: how findings name the text, usually its path.

    Returns:
        All findings, in the order of the text; empty if nothing is wrong. What only the hosts can tell (the
        device's own address, the driver's SDID, the device that a process set) is not covered.
    """
    document = parse_json(text, source)
    reading = read_table(document)
    problems = list(reading.problems)
    if reading.table is not None:
        problems += find_problems(reading.table, chip, unread=reading.unread)
    return document.findings(problems)


def find_problems(
    table: RankTable, chip: Chip | None, *, unread: frozenset[str] = frozenset()
) -> list[Problem]:
    """What is wrong with a table; checks that depend on the keys in ``unread`` are left out."""
    return [
        problem for check in _CHECKS if check.keys.isdisjoint(unread) for problem in check.find(table, chip)
    ]


def refuse_errors(table: RankTable, chip: Chip | None) -> None:
    """Raise :class:`RankTableError` with every finding of severity error, if there is one."""
    findings = map(to_finding, find_problems(table, chip))
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise RankTableError(errors)
