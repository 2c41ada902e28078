"""Events and what hosts show, to a state."""

from __future__ import annotations

import pytest

from launcher.claims.lease import Lease, this_owner
from launcher.run.events import PHASES
from launcher.run.gang import State
from launcher.status.state import (
    START_SECONDS,
    End,
    History,
    Standing,
    Trace,
    is_settled,
    judge,
    judge_traces,
    read_history,
)
from launcher.status.traces import parse_traces

ELSEWHERE = "ann@desk 12 345 0123-boot"


def event(kind: str, time: float = 1.0, **fields):
    return {"schema": 1, "time": time, "event": kind, **fields}


def member(key: str, state: str, **fields):
    return event("member", key=key, host="node1", device=3, state=state, pid=9, **fields)


BEGINNING = [
    event("supervisor", 10.0, owner="ann@desk 7 8 boot", epoch=1),
    event("phase", 10.1, phase="check", attempt=0),
    event("warning", message="few cores"),
    event("phase", 10.2, phase="bind", attempt=1),
    event("phase", 10.3, phase="watch", attempt=1),
    member("0", "running", exit_code=None, ended=None, reason=""),
    member("scheduler", "running", exit_code=None, ended=None, reason=""),
]


def trace(code=None, living=0, epoch=1, age=1000.0, owner=ELSEWHERE):
    return Trace("r", Lease(epoch, age, owner), code, 1, living)


def test_nothing_has_happened_yet():
    assert read_history([]) == History()


def test_a_run_on_its_way():
    history = read_history(BEGINNING)
    assert (history.began, history.phase, history.phase_since, history.attempt) == (10.0, "watch", 10.3, 1)
    assert history.supervisor == "ann@desk 7 8 boot" and history.end is None
    assert {key: (each.state, each.rank) for key, each in history.members.items()} == {
        "0": (State.RUNNING, 0),
        "scheduler": (State.RUNNING, None),
    }


def test_the_last_word_of_a_member_counts():
    ended = member("0", "gone", exit_code=137, ended=12.5, reason="killed")
    status = read_history([*BEGINNING, ended]).members["0"]
    assert (status.state, status.exit_code, status.ended, status.reason) == (State.GONE, 137, 12.5, "killed")
    assert (status.host, status.device, status.pid) == ("node1", 3, 9)


def test_a_new_attempt_forgets_the_members_of_the_last():
    history = read_history([*BEGINNING, event("phase", phase="bind", attempt=2), member("1", "running")])
    assert history.attempt == 2 and list(history.members) == ["1"]


def test_a_phase_without_an_attempt_keeps_it():
    history = read_history([*BEGINNING, event("phase", phase="unlock", attempt=0)])
    assert history.attempt == 1 and "0" in history.members


def test_a_supervisor_that_takes_over_takes_back_the_end():
    events = [*BEGINNING, event("end", 20.0, exit_code=5, outcome="lost")]
    assert read_history(events).end == End(5, "lost", 20.0)
    assert read_history([*events, event("supervisor", owner="bob@lap", epoch=2)]).end is None


def test_events_of_a_later_launcher_are_passed_over():
    odd = [{"no": "kind"}, event("never-heard-of"), member("0", "hibernating"), event("member"), event("end")]
    history = read_history([*BEGINNING, *odd])
    assert history.members["0"].state is State.UNKNOWN
    assert history.end == End(5, "", 1.0)


@pytest.mark.parametrize("phase", PHASES[: PHASES.index("watch")])
def test_before_its_ranks_run_it_is_starting(phase):
    history = read_history([*BEGINNING[:1], event("phase", phase=phase, attempt=1)])
    state = judge(history, supervised=True, age=1)
    assert (state.standing, state.words) == (Standing.STARTING, phase)


def test_a_supervisor_without_a_phase():
    assert judge(History(), supervised=True, age=1).standing is Standing.STARTING


@pytest.mark.parametrize("phase", PHASES[PHASES.index("watch") :])
def test_supervised(phase):
    history = read_history([*BEGINNING, event("phase", phase=phase, attempt=2)])
    state = judge(history, supervised=True, age=1)
    assert (state.standing, state.words) == (
        Standing.RUNNING,
        "attempt 2" if phase == "watch" else f"{phase}, attempt 2",
    )
    assert judge(read_history(BEGINNING), supervised=True, age=1).words == ""


def test_an_end_is_the_end_even_while_its_writer_goes():
    history = read_history([*BEGINNING, event("end", exit_code=1, outcome="failed\nmore")])
    for supervised in (True, False):
        state = judge(history, supervised=supervised, age=1, traces=[trace(living=2)])
        assert (state.standing, state.words, state.exit_code) == (Standing.ENDED, "failed", 1)


def test_a_result_without_its_last_event_is_an_end():
    result = {"exit_code": 0, "outcome": "all ranks ended with 0"}
    state = judge(read_history(BEGINNING), supervised=False, age=1, result=result)
    assert (state.standing, state.exit_code) == (Standing.ENDED, 0)


def test_lost_contact_is_no_end():
    history = read_history([*BEGINNING, event("end", exit_code=5, outcome="lost contact")])
    assert not is_settled(history, supervised=False, result=None)
    assert judge(history, supervised=False, age=99, traces=[trace(living=3)]).words == "3 ranks still run"


@pytest.mark.parametrize(("living", "words"), [(0, "nothing of it runs"), (1, "1 rank still runs")])
def test_what_events_told_last_is_not_shown_as_live(living, words):
    state = judge(read_history(BEGINNING), supervised=False, age=99, traces=[trace(living=living)])
    assert (state.standing, state.words) == (Standing.ALONE, words)


def test_hosts_that_do_not_answer_leave_it_unknown():
    assert judge(read_history(BEGINNING), supervised=False, age=99, traces=None).standing is Standing.UNKNOWN


def test_a_young_run_without_events_waits_for_its_supervisor():
    young = judge(History(), supervised=False, age=START_SECONDS - 1, traces=[])
    old = judge(History(), supervised=False, age=START_SECONDS + 1, traces=[])
    assert (young.standing, old.standing) == (Standing.STARTING, Standing.ALONE)
    assert old.words == "nothing of it runs"


def test_settled_is_what_no_host_need_be_asked_for():
    history = read_history(BEGINNING)
    assert is_settled(history, supervised=True, result=None)
    assert is_settled(history, supervised=False, result={"exit_code": 1})
    assert not is_settled(history, supervised=False, result=None)


def test_a_fresh_lease_elsewhere_is_a_run_that_goes_on():
    state = judge_traces([trace(age=5000.0), trace(epoch=2, age=3.0, owner="bob@lap 1 2 other", living=2)])
    assert (state.standing, state.words) == (Standing.RUNNING, "supervised elsewhere, by bob@lap")


def test_a_fresh_lease_of_a_dead_owner_is_none():
    user, pid, start, boot, pids = this_owner().split()
    dead = f"{user} {pid} {int(start) - 1} {boot} {pids}"
    assert judge_traces([trace(age=1.0, owner=dead, living=2)]).standing is Standing.ALONE


def test_all_hosts_must_have_finished():
    assert judge_traces([trace(code=0), trace(code=1)]).exit_code == 1
    assert judge_traces([trace(code=0), trace(living=1)]).standing is Standing.ALONE


def test_lines_of_the_host():
    one, two = parse_traces("r-1 2 7 143 3 0 ann@desk 1 2 boot\nr-2 0 1795420000 - 0 5\n")
    assert one == Trace("r-1", Lease(2, 7.0, "ann@desk 1 2 boot"), 143, 3, 0)
    assert two == Trace("r-2", Lease(0, 1795420000.0, ""), None, 0, 5)


def test_json():
    assert judge(History(), supervised=True, age=0).to_json() == {
        "state": "starting",
        "words": "its supervisor has just started",
        "exit_code": None,
    }
