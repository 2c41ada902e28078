"""Lines of several members in one order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.logs.order import by_member, by_time, last_of_each, time_of, with_times
from launcher.logs.tail import Line


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("2026-01-31 12:59:59,123 INFO x", "2026-01-31 12:59:59.123000"),
        ("[INFO] 2026-01-31T12:59:59.123456+00:00", "2026-01-31 12:59:59.123456"),
        (
            "[WARNING] ME(12:34,MainProcess):2026-01-31-12:59:59.123.456 [a.py:1]",
            "2026-01-31 12:59:59.123000",
        ),
        ("2026-01-31 12:59:59 no fraction", "2026-01-31 12:59:59.000000"),
        ("step 12:59:59", ""),
        ("", ""),
        ("x" * 100 + "2026-01-31 12:59:59", ""),
    ],
)
def test_time_of_a_line(line: str, time: str) -> None:
    assert time_of(line) == time


def stamp(second: int) -> str:
    return f"2026-01-31 00:00:{second:02}"


def test_a_line_without_a_time_goes_with_the_one_above() -> None:
    ours = [("0", "banner"), ("0", f"{stamp(1)} a"), ("0", "Traceback"), ("0", f"{stamp(5)} c")]
    theirs = [("1", f"{stamp(1)} b"), ("1", f"{stamp(3)} d"), ("1", f"{stamp(2)} clock went back")]
    merged = list(by_time([with_times(ours, {}), with_times(theirs, {})]))
    assert merged == [ours[0], ours[1], ours[2], theirs[0], theirs[1], theirs[2], ours[3]]


MEMBERS = st.lists(st.lists(st.none() | st.integers(0, 59), max_size=8), max_size=4)


@given(MEMBERS)
def test_merging_keeps_every_line_and_the_order_of_each_member(seconds: list[list[int | None]]) -> None:
    members: list[list[Line]] = [
        [(str(key), f"{'' if at is None else stamp(at)} {number}") for number, at in enumerate(times)]
        for key, times in enumerate(seconds)
    ]
    timed = [list(with_times(member, {})) for member in members]
    merged = list(by_time(timed))
    assert [[line for line in merged if line[0] == str(key)] for key in range(len(members))] == members
    times = {line: time for member in timed for time, line in member}
    assert [times[line] for line in merged] == sorted(times[line] for line in merged)


def test_members_one_by_one() -> None:
    lines = [("0", "a"), ("0", "b"), ("1", "c")]
    assert [list(member) for member in by_member(lines)] == [lines[:2], lines[2:]]


def test_last_lines_of_each() -> None:
    lines = [("1", "a"), ("0", "b"), ("1", "c"), ("1", "d")]
    assert last_of_each(lines, 2) == [("1", "c"), ("1", "d"), ("0", "b")]
    assert last_of_each(lines, 0) == []
