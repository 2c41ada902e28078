"""What the streams of hosts say, to the states of all members."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from launcher.hosts import HostError, listening
from launcher.hosts.clock import Clock
from launcher.run.gang import State
from launcher.run.watch import Watcher
from tests.fakes import FakeRun, breaks, says


@pytest.fixture
def watch(fake_run: Callable[..., FakeRun]) -> Iterator[Callable[..., Watcher]]:
    """Watches hosts whose streams are given, the one after the other."""
    made: list[Watcher] = []

    def make(clocks: Mapping[str, Clock] | None = None, **streams: list) -> Watcher:
        run = fake_run(*streams)
        for label, each in streams.items():
            run.hosts[label].streams = list(each)
        ground = run.ground()
        made.append(Watcher(ground.runtime, run.bound(), run.hosts, clocks))
        return made[-1]

    yield make
    for each in made:
        each.close()


def poll(watcher: Watcher, until: Callable[[], object]) -> list[tuple[str, State]]:
    """Changes until it suffices; a test that waits in vain hangs and says where."""
    changes = []
    while not until():
        changes += [(member.key, member.state) for member in watcher.poll(0.01)]
    return changes


def states(watcher: Watcher) -> list[State]:
    return [member.state for member in watcher.members.values()]


def test_members_of_all_hosts_are_known_as_they_change(watch) -> None:
    watcher = watch(
        alpha=[says("beat\nrunning 0 5\nend 0 0 1.0 own \n", wait=True)],
        beta=[says("running 1 6\n", wait=True)],
    )
    assert states(watcher) == [State.PLANNED] * 2
    changes = poll(watcher, lambda: states(watcher) == [State.ENDED, State.RUNNING])
    assert set(changes) == {("0", State.ENDED), ("1", State.RUNNING)}
    assert (watcher.members["0"].exit_code, watcher.members["1"].pid) == (0, 6)
    assert watcher.poll(0.01) == []


def test_a_line_may_come_in_pieces(watch) -> None:
    watcher = watch(alpha=[says("running 0 5\nend 0 0 1", wait=True)])
    poll(watcher, lambda: states(watcher) == [State.RUNNING])
    assert watcher.poll(0.01) == []


def test_half_a_line_of_a_broken_stream_is_not_put_before_the_next(watch, monkeypatch) -> None:
    monkeypatch.setattr(listening, "RETRY", -1.0)
    watcher = watch(alpha=[says("running 0 5\nend 0 0 1"), says("end 0 3 2.0 own \n", wait=True)])
    poll(watcher, lambda: states(watcher) == [State.ENDED])
    assert watcher.members["0"].exit_code == 3


def test_members_of_a_lost_host_are_unknown_until_it_is_back(watch, monkeypatch) -> None:
    monkeypatch.setattr(listening, "RETRY", -1.0)
    lost = breaks(HostError("host alpha: no route"))
    watcher = watch(
        alpha=[says("running 0 5\n"), lost, says("running 0 5\n", wait=True)],
        beta=[says("running 1 6\n", wait=True)],
    )
    seen = poll(watcher, lambda: watcher.lost())
    seen += poll(watcher, lambda: not watcher.lost() and State.UNKNOWN not in states(watcher))
    assert [state for key, state in seen if key == "0"] == [State.RUNNING, State.UNKNOWN, State.RUNNING]
    assert (("1", State.UNKNOWN)) not in seen


def test_who_has_ended_stays_so_when_the_host_is_lost(watch) -> None:
    watcher = watch(alpha=[says("end 0 0 1.0 own \n")])
    poll(watcher, lambda: states(watcher) == [State.ENDED])
    for _ in range(3):
        watcher.poll(0.01)
    assert (states(watcher), watcher.lost()) == ([State.ENDED], {})


def test_a_host_that_was_never_reached(watch) -> None:
    watcher = watch(alpha=[breaks(HostError("host alpha: no route"))])
    poll(watcher, lambda: watcher.lost())
    assert states(watcher) == [State.UNKNOWN] and watcher.lost()["alpha"] >= 0.0


def test_ends_go_by_the_clock_of_this_machine(watch) -> None:
    clocks = {"alpha": Clock(skew=30.0, error=0.1), "beta": Clock(skew=-30.0, error=40.0)}
    end = "end {} 1 1000.0 own \n"
    watcher = watch(clocks, alpha=[says(end.format(0), wait=True)], beta=[says(end.format(1), wait=True)])
    poll(watcher, lambda: states(watcher) == [State.ENDED] * 2)
    assert [member.ended for member in watcher.members.values()] == [970.0, 1000.0]


def test_clocks_that_are_measured_anew_count_from_then_on(watch) -> None:
    clocks: dict[str, Clock] = {}
    watcher = watch(clocks, alpha=[says("end 0 1 1000.0 own \n", wait=True)])
    clocks["alpha"] = Clock(skew=5.0, error=0.1)
    poll(watcher, lambda: states(watcher) == [State.ENDED])
    assert watcher.members["0"].ended == 995.0


@pytest.mark.parametrize("line", ["sh: 1: not found", "end 7 0 1.0 own", "\xff\xfe"])
def test_a_stream_that_makes_no_sense_is_lost_contact(watch, line: str) -> None:
    watcher = watch(alpha=[says(f"{line}\n", wait=True)])
    with pytest.raises(HostError, match="host alpha: not a line of the watch script"):
        poll(watcher, lambda: False)
