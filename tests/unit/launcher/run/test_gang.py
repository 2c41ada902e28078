"""Lines of the watch script to states, and which failure was the first."""

from __future__ import annotations

import pytest

from launcher.hosts.clock import Clock
from launcher.run.gang import MemberStatus, State, all_over, first_failure, read_line, rivals_of

KNOWN = {
    key: MemberStatus(key=key, host="h", rank=rank, device=rank)
    for key, rank in (("0", 0), ("1", 1), ("scheduler", None))
}


def members(*lines: str) -> dict[str, MemberStatus]:
    """What is known after these lines."""
    known = dict(KNOWN)
    for line in lines:
        status = read_line(line, known)
        if status is not None:
            known[status.key] = status
    return known


@pytest.mark.parametrize(
    ("line", "state", "code", "reason"),
    [
        ("running 0 4711", State.RUNNING, None, ""),
        ("end 0 0 12.5 own ", State.ENDED, 0, ""),
        ("end 0 9 12.5 own ", State.ENDED, 9, ""),
        ("end 0 143 12.5 stopped ", State.STOPPED, 143, ""),
        (
            "end 0 143 12.5 stopped log.txt has passed its limit",
            State.ENDED,
            143,
            "log.txt has passed its limit",
        ),
        ("gone 0 12.5 own rebooted", State.GONE, 137, "its host was restarted"),
        ("gone 0 12.5 stopped vanished", State.STOPPED, 137, ""),
        ("absent 0", State.ABSENT, None, "it was never started"),
    ],
)
def test_a_line_says_what_a_member_is(line, state, code, reason):
    member = members(line)["0"]
    assert (member.state, member.exit_code) == (state, code)
    assert member.reason.startswith(reason) and bool(member.reason) == bool(reason)


def test_a_beat_says_nothing():
    assert read_line("beat", KNOWN) is None


@pytest.mark.parametrize(
    "line", ["", "end", "end 0", "end 0 x 1.0 own", "end 7 0 1.0 own", "sh: 1: not found"]
)
def test_what_no_script_of_ours_writes_is_refused(line):
    with pytest.raises(ValueError, match="not a line of the watch script"):
        read_line(line, KNOWN)


def test_the_earliest_failure_is_the_first_whatever_came_in_first():
    known = members("end 0 1 20.0 own", "end 1 2 10.0 own")
    assert first_failure(known.values()) == known["1"]


def test_members_that_the_launcher_stopped_are_no_failures():
    known = members("end 0 143 5.0 stopped", "end 1 7 10.0 own")
    assert first_failure(known.values()) == known["1"]
    assert first_failure(members("end 0 143 5.0 stopped").values()) is None


def test_the_scheduler_is_named_only_if_no_rank_failed():
    known = members("end scheduler 1 1.0 own", "end 0 1 20.0 own")
    assert first_failure(known.values()) == known["0"]
    assert first_failure(members("end scheduler 1 1.0 own").values()).key == "scheduler"


def test_the_scheduler_may_linger_when_all_is_over():
    assert all_over(members("running scheduler 1", "end 0 0 1.0 own", "gone 1 1.0 own vanished").values())
    assert not all_over(members("end 0 0 1.0 own", "running 1 5").values())


CLOSE = {"h": Clock(0.0, 0.3), "i": Clock(0.0, 0.2)}


def failed(key: str, host: str, ended: float | None, state: State = State.ENDED) -> MemberStatus:
    rank = None if key == "scheduler" else int(key)
    return MemberStatus(key=key, host=host, rank=rank, device=rank, state=state, exit_code=1, ended=ended)


@pytest.mark.parametrize(("later", "is_rival"), [(0.0, True), (0.49, True), (0.51, False)])
def test_failures_so_close_that_clocks_cannot_tell_their_order_are_rivals(later, is_rival):
    first, other = failed("0", "h", 10.0), failed("1", "i", 10.0 + later)
    assert rivals_of(first, [first, other], CLOSE) == ((other,) if is_rival else ())


def test_one_clock_tells_the_order_of_its_host():
    first, other = failed("0", "h", 10.0), failed("1", "h", 10.0001)
    assert rivals_of(first, [first, other], {"h": Clock(0.0, 5.0)}) == ()


def test_only_failures_are_rivals():
    first = failed("0", "h", 10.0)
    stopped, absent = failed("1", "i", 10.1, State.STOPPED), failed("2", "i", None, State.ABSENT)
    well = MemberStatus(key="3", host="i", rank=3, device=3, state=State.ENDED, exit_code=0, ended=10.0)
    assert rivals_of(first, [first, stopped, absent, well], CLOSE) == ()
    assert rivals_of(absent, [first, absent], CLOSE) == ()


def test_without_measured_clocks_only_the_same_moment_is_uncertain():
    first = failed("0", "h", 10.0)
    assert rivals_of(first, [failed("1", "i", 10.0)], {}) != ()
    assert rivals_of(first, [failed("1", "i", 10.001)], {}) == ()


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("gone 0 12.5 own memory 137 ", 137, "out of memory: the kernel killed it"),
        ("gone 0 12.5 own vanished 127 sh: 0: cannot open x", 127, "sh: 0: cannot open x"),
        ("gone 0 12.5 own removed", 137, "its container was removed by somebody else"),
    ],
)
def test_docker_tells_more_of_who_is_gone(line, code, reason):
    member = members(line)["0"]
    assert (member.state, member.exit_code, member.reason) == (State.GONE, code, reason)


def test_a_reason_is_any_text(hostile):
    text = hostile.replace("\n", " ")
    assert members(f"end 0 1 12.5 own {text}")["0"].reason == text.rstrip()
    said = members(f"gone 0 12.5 own vanished 1 x{text}")["0"].reason
    assert said == f"x{text}".rstrip()
