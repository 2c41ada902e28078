"""Members of the gang that `--rank` and `--host` choose."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from launcher.errors import UsageError
from launcher.plan.model import SCHEDULER, Plan
from launcher.spec.scalars import parse_numbers


def choose(plan: Plan, ranks: str | None = None, hosts: Sequence[str] = ()) -> tuple[str, ...]:
    """Keys of the members that are among these ranks and on these hosts, in the order of the plan.

    `ranks` is text such as `0,3-5` or `scheduler`. Raises UsageError for what the plan does not have.
    """
    unknown = [name for name in hosts if all(part.label != name for part in plan.hosts)]
    if unknown:
        raise UsageError(
            f"no host {', '.join(unknown)} in this run",
            hint=f"its hosts: {', '.join(part.label for part in plan.hosts)}",
        )
    wanted = None if ranks is None else _wanted(plan, ranks)
    there = [member.key for member in plan.members if not hosts or member.host in hosts]
    chosen = tuple(key for key in there if wanted is None or key in wanted)
    if not chosen:
        has = (
            f"{part.label} has ranks {as_ranges(part.members)}" for part in plan.hosts if part.label in hosts
        )
        raise UsageError(f"--rank {ranks}: not on host {', '.join(hosts)}", hint="; ".join(has))
    return chosen


def _wanted(plan: Plan, text: str) -> frozenset[str]:
    items = [item.strip() for item in text.split(",")]
    try:
        numbers = parse_numbers([item for item in items if item != SCHEDULER])
    except ValueError as error:
        raise UsageError(f"--rank {text}: {error}") from error
    keys = {*map(str, numbers), *(item for item in items if item == SCHEDULER)}
    known = {member.key for member in plan.members}
    if missing := sorted(keys - known, key=lambda key: (len(key), key)):
        has_scheduler = f" and {SCHEDULER}" if SCHEDULER in known else ""
        raise UsageError(
            f"--rank {text}: no rank {', '.join(missing)} in this run",
            hint=f"it has ranks 0-{plan.ranks - 1}{has_scheduler}",
        )
    return frozenset(keys)


def as_ranges(keys: Collection[str]) -> str:
    """`0-3, 7, scheduler` for people."""
    numbers = sorted(int(key) for key in keys if key != SCHEDULER)
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    return ", ".join(words + [key for key in keys if key == SCHEDULER])
