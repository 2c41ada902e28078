"""Lines of many logs in an order: rank by rank, or by the times that stand in them. Pure."""

from __future__ import annotations

import heapq
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from launcher.logs.tail import Line

_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T -](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?")
_WITHIN = 100
"""A line's time is looked for in so many characters at its beginning."""

Timed = tuple[str, Line]


def time_of(line: str, skew: float = 0.0) -> str:
    """The first time in a line, so that texts compare as times do; empty where there is none.

    `skew` is how many seconds the clock that wrote it is ahead.

    Knows `2026-01-31 12:59:59,123` (Python's logging), `2026-01-31T12:59:59.123456` (ISO 8601) and
    `2026-01-31-12:59:59.123.456` (MindSpore, CANN). A time zone is not looked at.
    """
    match = _TIME.search(line, 0, _WITHIN)
    if match is None:
        return ""
    text = f"{match[1]} {match[2]}.{match[3] or '':0<6}"
    return _earlier(text, skew) if skew else text


def _earlier(text: str, seconds: float) -> str:
    try:
        moment = datetime.fromisoformat(text) - timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # month 13: no time at all
        return text
    return moment.isoformat(" ", "microseconds")


def with_times(lines: Iterable[Line], skews: Mapping[str, float]) -> Iterator[Timed]:
    """Lines of one member with times: one without goes with the line above it, and time never goes back.

    `skews` says by member how many seconds its clock is ahead.
    """
    latest = ""
    for line in lines:
        latest = max(latest, time_of(line[1], skews.get(line[0], 0.0)))
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
