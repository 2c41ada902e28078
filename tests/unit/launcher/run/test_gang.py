"""Lines of the watch script to states, and which failure was the first."""

from __future__ import annotations

import pytest

from launcher.run.gang import MemberStatus, State, all_over, first_failure, read_line

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
        ("gone 0 12.5 stopped vanished", State.STOPPED, 137, "killed before it could"),
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
