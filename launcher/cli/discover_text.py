"""What `discover` and `init` print."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from launcher.cli.output import say

if TYPE_CHECKING:
    from launcher.discover.changes import Change
    from launcher.discover.draft import Draft
    from launcher.discover.facts import Facts
    from launcher.discover.survey import Survey


def show(found: Survey) -> None:
    """Hosts, what contradicts them, and the changes as a diff."""
    print_hosts(found)
    lines = [line for change in found.changes if change.contradicts for line in _contradiction(found, change)]
    if lines:
        print("\nThe file says something else than its hosts:")
        print("\n".join(f"! {line}" for line in lines))
    if found.changes:
        print()
        sys.stdout.write(found.diff())
    elif found.known.facts:
        say(f"{found.draft.path} says what its hosts say: no changes")
    sys.stdout.flush()


def print_hosts(found: Survey) -> None:
    """A line for each host that has answered."""
    from launcher.cli.tables import data, print_table, table
    from launcher.discover.scalars import ranges

    shown = table("HOST", "ADDRESS", "INTERFACE", "ARCHITECTURE", "DRIVER", "CHIPS", "DEVICES", "DOCKER")
    for label, facts in found.known.facts.items():
        at = found.known.addresses.get(label)
        cells = (
            label,
            at.address if at else "-",
            at.name if at else "-",
            facts.machine,
            facts.driver or "-",
            _chips(facts),
            ranges(facts.devices) or "-",
            _docker(facts),
        )
        shown.add_row(*map(data, cells))
    if found.known.facts:
        print_table(shown)


def _chips(facts: Facts) -> str:
    from collections import Counter

    counts = Counter(chip.name for chip in facts.chips)
    return ", ".join(f"{count} x {name}" for name, count in counts.items()) or "-"


def _docker(facts: Facts) -> str:
    runtime = ", runtime ascend" if "ascend" in facts.runtimes else ""
    return f"{facts.docker}{runtime}" if facts.docker else "-"


def _contradiction(found: Survey, change: Change) -> Iterator[str]:
    """What somebody wrote, where, and what the host has."""
    from launcher.discover.scalars import scalar

    draft = found.draft
    label, path = "", tuple[str | int, ...](change.path)
    if change.host is not None:
        label = f"host {draft.cluster.hosts[change.host].label}: "
        path = ("hosts", change.host, *change.path)
    if not isinstance(change.old, dict):
        name = ".".join(change.path)
        yield f"{_at(draft, path)}: {label}{name} is {scalar(change.old)}, the host has {scalar(change.new)}"
        return
    for device, value in change.old.items():
        if change.new.get(device) != value:
            has = scalar(change.new[device]) if device in change.new else "no such device"
            at = _at(draft, (*path, str(device)))
            yield f"{at}: {label}{change.path[0]} of NPU {device} is {value}, the host has {has}"


def _at(draft: Draft, path: Sequence[str | int]) -> str:
    place = draft.place(*path)
    return f"{place.source.name}:{place.line}:{place.column}"


def to_json(found: Survey, *, written: bool) -> dict[str, Any]:
    """As `--json` prints it."""
    addresses = found.known.addresses
    return {
        "schema": 1,
        "cluster": found.draft.path,
        "hosts": {
            label: {
                "address": addresses[label].address if label in addresses else None,
                "ifname": addresses[label].name if label in addresses else None,
                "architecture": facts.machine,
                "driver": facts.driver or None,
                "chips": [
                    {"npu": c.npu, "chip": c.chip, "physical": c.physical, "name": c.name}
                    for c in facts.chips
                ],
                "devices": list(facts.devices),
                "docker": facts.docker or None,
                "runtimes": list(facts.runtimes),
            }
            for label, facts in found.known.facts.items()
        },
        "changes": [_change_json(found, change) for change in found.changes],
        "diff": found.diff(),
        "written": written,
        "warnings": list(found.warnings),
        "problems": [*found.problems, *map(str, found.failures.values())],
    }


def _change_json(found: Survey, change: Change) -> dict[str, Any]:
    hosts = found.draft.cluster.hosts
    return {
        "host": hosts[change.host].label if change.host is not None else None,
        "key": ".".join(change.path),
        "old": change.old,
        "new": change.new,
        "contradicts": change.contradicts,
    }
