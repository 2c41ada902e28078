"""Whoever waits without seeing progress is told why nothing is known of the end."""

from __future__ import annotations

import pytest

from launcher.cli.follow import follow
from launcher.errors import ExitCode
from tests.stored_runs import StoredRuns


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    made = StoredRuns(tmp_path)
    yield made
    made.close()


def test_a_lost_host_is_named_when_waiting_quietly(runs, capsys):
    run = runs.make()
    runs.begin(run)
    runs.tell(run, "error", message="host h2: no route", hint="launcher attach goes on")
    runs.tell(run, "end", exit_code=5, outcome="host h2: no route")
    assert follow(run, quiet=True) == ExitCode.LOST_CONTACT
    assert capsys.readouterr().err == "error: host h2: no route\n  next: launcher attach goes on\n"


def test_where_the_result_says_all_nothing_more_is_said(runs, capsys):
    run = runs.make()
    runs.begin(run)
    runs.tell(run, "error", message="host h2: no route", hint=None)
    runs.finish(run, 143, "cancelled", attempts=[], metrics={}, seconds={})
    assert follow(run, quiet=True) == ExitCode.CANCELLED
    said = capsys.readouterr()
    assert said.err == "" and "cancelled (exit code 143)" in said.out
