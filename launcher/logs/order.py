"""Lines of many logs in an order: rank by rank, or by the times that stand in them. Pure."""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby

from launcher.logs.tail import Line

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T -](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_WITHIN = 100
"""A line's time is looked for in so many characters at its beginning."""

Timed = tuple[str, Line]


def time_of(line: str) -> str:
    """The first time in a line, so that texts compare as times do; empty where there is none.

    Knows `2026-01-31 12:59:59,123` (Python's logging), `2026-01-31T12:59:59.123456` (ISO 8601) and
    `2026-01-31-12:59:59.123.456` (MindSpore, CANN). A time zone is not looked at.
    """
    match = _TIME.search(line, 0, _WITHIN)
    return "" if match is None else f"{match[1]} {match[2]}.{match[3] or '':0<6}"


def with_times(lines: Iterable[Line]) -> Iterator[Timed]:
    """Lines of one member with times: one without goes with the line above it, and time never goes back."""
    latest = ""
    for line in lines:
        latest = max(latest, time_of(line[1]))
        yield latest, line


def by_time(members: Iterable[Iterable[Timed]]) -> Iterator[Line]:
    """Merge the lines of members; at equal times in the order of members."""
    for _, line in heapq.merge(*members, key=lambda timed: timed[0]):
        yield line


def by_member(lines: Iterable[Line]) -> Iterator[Iterator[Line]]:
    """Lines that come member by member, as one iterator for each; consumed in order."""
    for _, group in groupby(lines, key=lambda line: line[0]):
        yield group


def last_of_each(lines: Iterable[Line], count: int) -> list[Line]:
    """The last `count` lines of each member, member by member."""
    kept: dict[str, deque[Line]] = {}
    for line in lines:
        kept.setdefault(line[0], deque(maxlen=count)).append(line)
    return [line for member in kept.values() for line in member]
