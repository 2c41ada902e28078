"""All ranks are started or none, whatever is lost meanwhile; a run taken over ends as it was ending."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from launcher.errors import ExitCode, LauncherError, LostContact, StartFailed
from launcher.hosts import DockerSilent, HostError, RemoteError
from launcher.run import attempt, stopping
from launcher.run.attempt import Ending, start_gang, watch_gang
from launcher.run.heartbeat import Heartbeat
from tests.fakes import FENCED, FakeRun, FakeStream, breaks, says

LOST = HostError("host beta: contact lost")
HUNG_UP = DockerSilent("host beta: Docker hung up")


@pytest.fixture
def run(fake_run: Callable[..., FakeRun], monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    """A rank on each of three hosts; what is removed is in `removed`."""
    run = fake_run("alpha", "beta", "gamma")
    run.removed = []
    remove = lambda _, host, *__: run.removed.append(host.label)  # noqa: E731
    monkeypatch.setattr(type(run.ground().runtime), "remove", remove)
    return run


def stopped(run: FakeRun) -> list[str]:
    return sorted(label for label, host in run.hosts.items() if host.called("stop"))


def start(run: FakeRun) -> None:
    start_gang(run.ground(), run.bound())


def test_a_host_that_is_lost_while_ranks_start_leaves_none_on_the_others(run) -> None:
    run.answer("beta", start=LOST, stop=LOST)
    with pytest.raises(
        LostContact, match="not all ranks could be started: host beta: contact lost"
    ) as raised:
        start(run)
    assert f"launcher attach {run.directory.run_id}" in raised.value.hint
    assert stopped(run) == ["alpha", "beta", "gamma"]
    assert sorted(run.removed) == ["alpha", "gamma"]
    assert {host.words["stop"][-1] for host in run.hosts.values()} == {"KILL"}


def test_a_host_that_is_lost_while_containers_are_made_leaves_none_on_the_others(run, monkeypatch) -> None:
    def create(_: object, host, *__: object) -> None:
        if host.label == "beta":
            raise LOST

    monkeypatch.setattr(type(run.ground().runtime), "create", create)
    run.answer("beta", stop=LOST)
    with pytest.raises(LostContact, match="contact lost"):
        start(run)
    assert (run.count("start"), sorted(run.removed)) == (0, ["alpha", "gamma"])


def test_a_host_that_is_back_at_once_may_still_start_what_it_was_told_to(run) -> None:
    run.answer("beta", start=LOST)
    with pytest.raises(LostContact):
        start(run)
    assert sorted(run.removed) == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize("others", ["", RemoteError("host alpha: no such image")], ids=["", "and a refusal"])
def test_a_docker_that_hangs_up_and_is_back_is_a_failed_start(run, others) -> None:
    run.answer("alpha", start=others)
    run.answer("beta", start=HUNG_UP)
    with pytest.raises(StartFailed, match="not all ranks could be started: ") as raised:
        start(run)
    assert str(HUNG_UP) in str(raised.value)
    assert stopped(run) == ["alpha", "beta", "gamma"]


@pytest.mark.parametrize("order", [(HUNG_UP, LOST), (LOST, HUNG_UP)], ids=["docker first", "host first"])
def test_a_lost_host_is_graver_than_a_lost_docker(run, order) -> None:
    for label, error in zip(("alpha", "beta"), order, strict=True):
        run.answer(label, start=error)
    with pytest.raises(LostContact):
        start(run)


@pytest.mark.parametrize("cause", [HUNG_UP, RemoteError("host beta: no space left")])
def test_a_docker_that_stays_away_may_have_containers(run, cause: LauncherError) -> None:
    run.answer("beta", start=cause, stop=DockerSilent("host beta: Docker does not answer"))
    with pytest.raises(LostContact) as raised:
        start(run)
    assert str(cause) in str(raised.value) and "Docker does not answer" in str(raised.value)
    assert sorted(run.removed) == ["alpha", "gamma"]


def test_what_cannot_be_removed_is_told_beside(run, monkeypatch) -> None:
    def remove(_: object, host, *__: object) -> None:
        raise RemoteError(f"host {host.label}: containers of this run cannot be removed: 7")

    monkeypatch.setattr(type(run.ground().runtime), "remove", remove)
    run.answer("beta", start=LOST, stop=LOST)
    with pytest.raises(LostContact, match="contact lost") as raised:
        start(run)
    assert "host gamma: containers of this run cannot be removed: 7" in str(raised.value)


@pytest.mark.parametrize("phase", ["start", "stop"])
def test_who_has_lost_the_lease_removes_nothing(run, phase: str) -> None:
    run.answer("alpha", start=HUNG_UP)
    run.answer("beta", **{phase: FENCED})
    with pytest.raises(LostContact, match="another launcher has it"):
        start(run)
    assert run.removed == []
    assert bool(stopped(run)) is (phase == "stop")


# ---- a run that is taken over


@pytest.fixture
def taken(fake_run: Callable[..., FakeRun]) -> FakeRun:
    """A rank on each of two hosts, of which the first runs until it is asked to end."""
    run = fake_run("alpha", "beta", timeouts={"cancel_grace": 0.1, "run": 50})
    stream = FakeStream(b"running 0 5\n", wait=True)
    run.hosts["alpha"].streams = [lambda: stream]
    run.answer("alpha", stop=[lambda: str(stream.say(b"end 0 143 2.0 stopped \n")), ""])
    return run


def watch(run: FakeRun) -> Ending:
    ground = run.ground(epoch=2)
    return watch_gang(ground, run.bound(), Heartbeat(ground))


def later(run: FakeRun, text: str) -> Callable[[], FakeStream]:
    """What a host says once another has been heard."""

    def stream() -> FakeStream:
        while not any(event["event"] == "member" for event in run.events()):
            time.sleep(0.005)
        return FakeStream(text.encode(), wait=True)

    return stream


@pytest.mark.parametrize(
    "end",
    [lambda run: run.directory.cancel_request.touch(), lambda run: run.answer("alpha", elapsed="99\n")],
    ids=["cancelled", "out of time"],
)
def test_a_first_failure_stays_the_cause_when_it_is_heard_of_late(taken, end) -> None:
    end(taken)
    taken.hosts["beta"].streams = [later(taken, "end 1 9 1.0 own \n")]
    ending = watch(taken)
    assert (ending.code, ending.failure.rank, ending.failure.exit_code) == (ExitCode.JOB_FAILED, 1, 9)


@pytest.mark.parametrize(("ended", "code"), [(2.0, ExitCode.CANCELLED), (0.5, ExitCode.JOB_FAILED)])
def test_what_is_gone_since_a_cancel_had_begun_is_no_failure(taken, ended: float, code: ExitCode) -> None:
    taken.directory.cancel_request.touch()
    taken.hosts["alpha"].streams = [says("end 0 143 1.0 stopped \n")]
    taken.hosts["beta"].streams = [says(f"gone 1 {ended} own rebooted\n")]
    assert watch(taken).code is code


def test_a_host_of_which_nothing_is_heard_keeps_no_run_from_being_cancelled(taken, monkeypatch) -> None:
    monkeypatch.setattr(attempt, "FIRST_WORDS", 0.1)
    monkeypatch.setattr(stopping, "SCHEDULER_GRACE", 0.1)
    taken.directory.cancel_request.touch()
    taken.hosts["beta"].streams = [says("beat\n", wait=True)]
    assert watch(taken).code is ExitCode.CANCELLED


def test_what_somebody_else_has_begun_to_end_is_ended(taken) -> None:
    taken.hosts["beta"].streams = [later(taken, "end 1 143 1.0 stopped \n")]
    ending = watch(taken)
    assert (ending.code, ending.words) == (
        ExitCode.JOB_FAILED,
        "was being stopped when its supervisor died",
    )
    assert taken.hosts["alpha"].called("stop") == 2


def test_a_host_that_does_not_come_back_is_told_with_the_run(taken, monkeypatch) -> None:
    monkeypatch.setattr(attempt, "CONTACT_TIMEOUT", -1.0)
    taken.hosts["beta"].streams = [breaks(LOST)]
    with pytest.raises(LostContact, match="host beta: no contact") as raised:
        watch(taken)
    assert f"launcher attach {taken.directory.run_id}" in raised.value.hint
