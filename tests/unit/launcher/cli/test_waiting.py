"""`wait`: for runs that another machine supervises."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result
from typer.testing import CliRunner

from launcher.cli import waiting
from launcher.cli.app import app
from launcher.errors import LostContact, UsageError
from launcher.plan.model import Plan
from launcher.run.rundir import RunDir, runs_root
from tests.stored_runs import StoredRuns


@pytest.fixture
def elsewhere(runs: StoredRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunDir, Path]:
    """A run that another directory has launched, and where its host keeps it."""
    directory = runs.make()
    bound: Plan = runs.begin(directory)
    place = Path(bound.hosts[0].run_dir)
    (place / "inputs").mkdir()
    (place / "inputs/spec.json").write_bytes(directory.spec.read_bytes())
    (place / "attempt-1/plan.json").write_bytes(directory.plan(1).read_bytes())
    (place / "lease/renewed").touch()
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "here"))
    return directory, place


@pytest.fixture
def call(runs: StoredRuns) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, ["wait", *words, "-c", str(runs.cluster)])


def at_each_look(monkeypatch: pytest.MonkeyPatch, *happen: Callable[[], object]) -> list[float]:
    """What happens while it is waited; gives how long that was, look by look."""
    waited: list[float] = []
    left = iter(happen)

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        next(left)()

    monkeypatch.setattr(waiting, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    return waited


def test_the_hosts_say_when_it_has_ended(elsewhere, call, monkeypatch) -> None:
    directory, place = elsewhere
    waited = at_each_look(monkeypatch, lambda: None, lambda: (place / "finished").write_text("7\n"))
    done = call(directory.run_id)
    assert done.exit_code == 7 and waited == [2.0, 2.0]
    assert done.stdout == f"run {directory.run_id}: ended (exit code 7)\n"
    assert done.stderr == f"next: launcher collect {directory.run_id}\n"
    assert "adopted_from" in (runs_root() / directory.run_id / "run.json").read_text()
    done = call(directory.run_id, "--json")
    assert (done.exit_code, json.loads(done.stdout)["exit_code"]) == (7, 7)


def test_a_supervisor_that_is_gone_there_is_lost_contact(elsewhere, call, monkeypatch) -> None:
    directory, place = elsewhere
    at_each_look(monkeypatch, lambda: os.utime(place / "lease/renewed", (1000, 1000)))
    done = call(directory.run_id)
    assert isinstance(done.exception, LostContact)
    assert str(done.exception) == f"run {directory.run_id}: no supervisor: nothing of it runs"
    assert f"launcher attach {directory.run_id}" in done.exception.hint


def test_a_host_that_does_not_answer_is_asked_again(elsewhere, runs, call, monkeypatch) -> None:
    directory, place = elsewhere
    assert CliRunner().invoke(app, ["status", directory.run_id, "-c", str(runs.cluster)]).exit_code == 0
    adopted = RunDir(runs_root() / directory.run_id)
    reached = adopted.endpoints()
    runs.lose_host(adopted)

    def return_() -> None:
        adopted.keep_endpoints(reached)
        (place / "finished").write_text("0\n")

    at_each_look(monkeypatch, lambda: None, return_)
    assert call(directory.run_id).exit_code == 0
    runs.lose_host(adopted)
    monkeypatch.setattr(waiting, "_PATIENCE", -1.0)
    assert isinstance(call(directory.run_id).exception, LostContact)


def test_a_run_that_nobody_knows(runs, call) -> None:
    assert isinstance(call("nothing").exception, UsageError)
