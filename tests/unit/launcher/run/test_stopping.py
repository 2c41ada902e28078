"""How members are ended on hosts of which some answer, refuse, or hang."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from launcher.errors import LostContact
from launcher.hosts import Completed, HostError
from launcher.run.attempt import end_gang
from tests.fakes import FENCED, FakeRun, says

GONE = HostError("host gamma: no answer within 60 s")


def signal_to(run: FakeRun, label: str) -> str:
    """TERM or KILL, whichever was sent last."""
    return run.hosts[label].words["stop"][-1]


def stops(run: FakeRun) -> dict[str, int]:
    return {label: host.called("stop") for label, host in run.hosts.items()}


@pytest.fixture
def run(fake_run: Callable[..., FakeRun]) -> FakeRun:
    """A rank on each of three hosts, deaf to TERM."""
    run = fake_run("alpha", "beta", "gamma", timeouts={"cancel_grace": 0.1})
    for number, host in enumerate(run.hosts.values()):
        host.streams = [says(f"running {number} 5\n", wait=True)]
    return run


def end(run: FakeRun) -> None:
    end_gang(run.ground(), run.bound())


def test_a_host_that_hangs_holds_up_no_kill_elsewhere(run) -> None:
    killed = threading.Barrier(3)

    def on_kill(label: str) -> Callable[[], str]:
        return lambda: str(signal_to(run, label) == "KILL" and killed.wait())

    def hang() -> str:
        killed.wait()
        raise GONE

    run.answer("alpha", stop=on_kill("alpha"))
    run.answer("beta", stop=on_kill("beta"))
    run.answer("gamma", stop=[hang, GONE])
    with pytest.raises(LostContact, match=f"not all ranks could be ended: {GONE}") as raised:
        end(run)
    assert f"launcher attach {run.directory.run_id}" in raised.value.hint
    assert stops(run) == {"alpha": 2, "beta": 2, "gamma": 2}


def test_a_host_that_was_lost_for_a_moment_gets_its_kill(run) -> None:
    for number, host in enumerate(run.hosts.values()):
        host.streams = [says(f"running {number} 5\nend {number} 137 1.0 stopped \n")]
    run.answer("gamma", stop=[GONE, ""])
    end(run)
    assert stops(run) == {"alpha": 2, "beta": 2, "gamma": 2}
    assert signal_to(run, "gamma") == "KILL"


def test_the_lease_that_is_lost_before_the_grace_is_over_kills_nobody(run) -> None:
    run.answer("beta", stop=FENCED)
    with pytest.raises(LostContact, match="another launcher has it"):
        end(run)
    assert stops(run) == {"alpha": 1, "beta": 1, "gamma": 1}


def test_all_hosts_that_could_not_end_theirs_are_named(run) -> None:
    for label in ("alpha", "beta"):
        run.answer(label, stop=["", Completed(1, "", "processes 7 of this run do not end\n")])
    run.answer("gamma", stop=GONE)
    with pytest.raises(LostContact) as raised:
        end(run)
    for label in run.hosts:
        assert f"host {label}: " in str(raised.value)
