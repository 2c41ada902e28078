"""Events as lines for people."""

from __future__ import annotations

from typing import Any

from launcher.cli.narrator import Narrator


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"event": kind, "time": 100.0, **fields}


def member(key: str, state: str, code: int | None = 0, reason: str = "") -> dict[str, Any]:
    return event("member", key=key, host="h", state=state, exit_code=code, reason=reason)


def told(*events: dict[str, Any]) -> list[str]:
    narrator = Narrator()
    return [text for each in events for text in narrator.texts(each)]


def test_what_goes_well_is_one_line():
    started = event("started", ranks=2, members=3, hosts=1)
    ends = [member("0", "ended"), member("scheduler", "ended"), member("1", "ended")]
    assert told(started, member("0", "running", None), *ends) == [
        "started 2 rank(s): 3 processes on 1 host(s)",
        "all 2 rank(s) ended with 0",
    ]


def test_failures_are_told_one_by_one():
    assert told(
        member("3", "ended", 7), member("4", "stopped", 143), member("5", "gone", 137, "rebooted")
    ) == [
        "rank 3 on h ended with 7",
        "rank 4 on h stopped with 143",
        "rank 5 on h gone with 137: rebooted",
    ]


def test_later_attempts_and_take_overs_are_said():
    assert told(
        event("supervisor", epoch=2),
        event("phase", phase="watch", attempt=2),
        event("restart", attempt=3, delay=10.0),
        event("error", message="lost"),
    ) == ["taken over", "watch (attempt 2)", "attempt 3 in 10 s", "error: lost"]


def test_seconds_count_from_the_first_event():
    narrator = Narrator()
    list(narrator.tell(event("supervisor", epoch=1)))
    assert list(narrator.tell({**event("warning", message="slow"), "time": 102.5})) == [
        "    2.5 s  warning: slow"
    ]


def test_an_end_counts_until_another_supervisor_comes():
    narrator = Narrator()
    list(narrator.tell(event("end", exit_code=5)))
    assert narrator.end == 5
    list(narrator.tell(event("supervisor", epoch=2)))
    assert narrator.end is None
