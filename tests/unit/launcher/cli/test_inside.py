"""`exec` and `shell`: the words that reach a container, and everything that stands in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from launcher.claims import locks
from launcher.cli.app import app
from launcher.errors import LostContact, UsageError
from launcher.hosts import Endpoint, HostError
from tests.fakes import FakeRun
from tests.hostile import HOSTILE
from tests.stored_runs import NOBODY, StoredRuns
from tests.unit.launcher.fake_docker import FakeDocker


@pytest.fixture
def call() -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, list(words))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRun]:
    """A begun run of two containers, both on this machine under names of their own."""
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    made = FakeRun(tmp_path)
    made.directory.keep_endpoints({label: Endpoint(label=label, address="localhost") for label in made.hosts})
    yield made
    made.close()


def add(docker: FakeDocker, run: FakeRun, key: str, **more: str) -> str:
    """A rank's container that runs; gives its id."""
    labels = dict(run.bound_plan.members[int(key)].container.labels)
    return docker.add(f"c{key}", {**labels, "launcher.owner": str(os.getuid()), **more}, pid=1)


@pytest.fixture
def begun(run: FakeRun) -> FakeRun:
    run.bound_plan = run.bound()
    return run


def test_a_command_runs_in_the_container_of_its_rank(begun, docker, call) -> None:
    add(docker, begun, "0")
    second = add(docker, begun, "1")
    add(docker, begun, "1", **{"launcher.attempt": "7"})
    assert call("exec", begun.directory.run_id, "--rank", "1", "--", "env").exit_code == 0
    assert docker.asked("exec") == [["exec", "--interactive", second, "env"]]


def test_the_words_of_a_command_are_handed_on(begun, docker, call) -> None:
    only = add(docker, begun, "0")
    assert call("exec", begun.directory.run_id, "--", "printf", *HOSTILE).exit_code == 0
    assert docker.asked("exec") == [["exec", "--interactive", only, "printf", *HOSTILE]]


def test_the_exit_code_is_the_commands(begun, docker, call) -> None:
    add(docker, begun, "0")
    docker.put_program(
        "docker", f'case $1 in exec) exit 42 ;; esac; exec python3 -S "{docker_program()}" "$@"'
    )
    assert call("exec", begun.directory.run_id, "--", "false").exit_code == 42


def docker_program() -> str:
    from tests.unit.launcher import fake_docker

    return fake_docker.__file__


def test_a_container_that_does_not_run_is_said(begun, docker, call) -> None:
    done = call("exec", begun.directory.run_id, "--", "env")
    assert refused(done) == "host alpha: no container of rank 0 runs"
    assert done.exception.hint == f"launcher status {begun.directory.run_id}"
    assert docker.asked("exec") == []


def test_a_docker_that_does_not_answer_is_said(begun, docker, call) -> None:
    add(docker, begun, "0")
    docker.set(refusal="Cannot connect to the Docker daemon")
    done = call("exec", begun.directory.run_id, "--", "env")
    assert isinstance(done.exception, LostContact)
    assert str(done.exception) == "host alpha: Docker does not answer"
    assert done.exception.hint == "on that host: docker info"
    assert docker.asked("exec") == []


def test_docker_through_sudo(begun, docker, call) -> None:
    add(docker, begun, "0")
    docker.set(needs_sudo=True)
    assert call("exec", begun.directory.run_id, "--", "env").exit_code == 0
    assert len(docker.asked("exec")) == 1


def refused(done: Result) -> str:
    assert isinstance(done.exception, UsageError)
    return str(done.exception)


def test_before_its_ranks_were_started_there_is_nothing_to_be_in(run, call) -> None:
    assert "has not started its ranks" in refused(call("exec", run.directory.run_id, "--", "env"))


@pytest.mark.parametrize("rank", ["0-1", "0,1"])
def test_one_rank_at_a_time(begun, call, rank) -> None:
    assert "one rank, please" in refused(call("exec", begun.directory.run_id, "--rank", rank, "--", "env"))


@pytest.mark.parametrize("rank", ["2", "scheduler", "x"])
def test_a_rank_that_there_is_not(begun, call, rank) -> None:
    assert f"--rank {rank}: " in refused(call("exec", begun.directory.run_id, "--rank", rank, "--", "env"))


def test_processes_are_no_containers(tmp_path, monkeypatch, call) -> None:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    runs = StoredRuns(tmp_path)
    directory = runs.make()
    runs.begin(directory)
    assert "are processes of localhost, not containers" in refused(
        call("exec", directory.run_id, "--", "env")
    )


def test_processes_are_no_containers_to_open_a_shell_in(tmp_path, monkeypatch, docker, call) -> None:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(locks, "LOCKS", str(tmp_path / "locks"))
    runs = StoredRuns(tmp_path)
    runs.make()
    docker.put_program("docker", "exit 127")
    docker.put_program("sudo", "exit 127")
    done = call("shell", str(tmp_path / "job.yaml"), "-c", str(runs.cluster))
    assert "ranks of this cluster are processes" in refused(done)
    assert not (tmp_path / "locks").exists() and not (tmp_path / "work/runs").exists()


def test_a_host_that_cannot_be_reached(begun, call) -> None:
    begun.directory.keep_endpoints({"alpha": Endpoint(label="alpha", address=NOBODY.address, port=1)})
    done = call("exec", begun.directory.run_id, "--", "env")
    assert isinstance(done.exception, HostError) and "host alpha: " in str(done.exception)
