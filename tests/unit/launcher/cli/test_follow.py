"""Whoever waits without seeing progress is told why nothing is known of the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.cli import follow as follow_module
from launcher.cli.follow import follow
from launcher.errors import ExitCode, LostContact
from launcher.hosts import HostError


def test_a_lost_host_is_named_when_waiting_quietly(runs, capsys):
    run = runs.make()
    runs.begin(run)
    runs.tell(run, "error", message="host h2: no route", hint="launcher attach goes on")
    runs.tell(run, "end", exit_code=5, outcome="host h2: no route")
    assert follow(run, quiet=True) == ExitCode.LOST_CONTACT
    assert capsys.readouterr().err == "error: host h2: no route\n  next: launcher attach goes on\n"


@pytest.mark.parametrize("code", [0, 1])
def test_whoever_follows_a_smoke_run_to_its_end_reads_its_report(runs, capsys, code):
    """The command that began it may be gone; a run that failed has its result, too."""
    run = runs.make()
    runs.begin(run)
    found = {"schema": 1, "phase": "done", "sizes": [{"bytes": 8, "times": [0.001]}], "left_out": []}
    for rank in range(2):
        log = run.log(1, str(rank))
        log.mkdir(parents=True)
        (log / "smoke.json").write_text(json.dumps({**found, "pairs": [], "seconds": {}}))
    runs.finish(run, code, "over", attempts=[], metrics={}, seconds={})
    assert follow(run, quiet=True) == code
    said = capsys.readouterr().out
    assert "2 ranks on 1 host: every sum was right" in said
    assert ("over (exit code 1)" in said) is (code == 1)


def test_where_the_result_says_all_nothing_more_is_said(runs, capsys):
    run = runs.make()
    runs.begin(run)
    runs.tell(run, "error", message="host h2: no route", hint=None)
    runs.finish(run, 143, "cancelled", attempts=[], metrics={}, seconds={})
    assert follow(run, quiet=True) == ExitCode.CANCELLED
    said = capsys.readouterr()
    assert said.err == "" and "cancelled (exit code 143)" in said.out


def test_a_host_that_does_not_answer_for_once_ends_nothing(runs, capsys, monkeypatch):
    run, asked = runs.make(), []
    runs.begin(run)

    def find(*_: object) -> None:
        asked.append(1)
        if len(asked) == 2:
            runs.finish(run, 0, "all ranks ended", attempts=[], metrics={}, seconds={})
        raise HostError("host h1: no answer")

    monkeypatch.setattr(follow_module, "find_sources", find)
    monkeypatch.setattr(follow_module, "_PAUSE", 0.0)
    assert follow(run) == ExitCode.OK
    assert "no lines of rank 0: host h1: no answer; trying again, the run goes on" in capsys.readouterr().err


def test_what_could_not_be_written_here_its_hosts_know(runs, capsys, monkeypatch):
    run = runs.make()
    bound = runs.begin(run)
    (Path(bound.hosts[0].run_dir) / "finished").write_text("1\n")
    monkeypatch.setattr(follow_module, "_GONE", 0.0)
    assert follow(run, quiet=True) == ExitCode.JOB_FAILED
    said = capsys.readouterr().err
    assert said == (
        f"run {run.run_id} ended with 1, as its hosts say; its result is not here\n"
        f"  next: launcher attach {run.run_id}\n"
    )


def test_where_its_hosts_know_no_end_the_supervisor_is_gone(runs, monkeypatch):
    run = runs.make()
    runs.begin(run)
    monkeypatch.setattr(follow_module, "_GONE", 0.0)
    with pytest.raises(LostContact, match="no supervisor of"):
        follow(run, quiet=True)
