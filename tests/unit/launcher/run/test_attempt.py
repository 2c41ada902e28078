"""All ranks are started or none, also where contact to a host, or to its Docker, is lost meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from launcher.errors import LauncherError, LostContact, StartFailed
from launcher.hosts import DockerSilent, HostError, RemoteError
from launcher.run.attempt import start_gang
from tests.fakes import FENCED, FakeRun

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
