"""Hosts that cannot be reached: a new run has failed its check, another one goes on without us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from launcher.errors import ExitCode
from launcher.run.events import read_events
from launcher.run.rundir import RunDir
from launcher.run.supervisor import supervise
from tests.stored_runs import StoredRuns


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    stored = StoredRuns(tmp_path)
    yield stored
    stored.close()


def told(directory: RunDir) -> list[tuple[str, object]]:
    """Kind of each event, with its phase or code."""
    events = read_events(directory.events)[0]
    return [(each["event"], each.get("phase", each.get("exit_code"))) for each in events]


def test_a_new_run_whose_host_cannot_be_reached_has_failed_its_check(runs) -> None:
    directory = runs.make()
    runs.lose_host(directory)
    assert supervise(directory) is ExitCode.CHECK_FAILED
    assert told(directory) == [("phase", "connect"), ("error", None), ("end", 3)]
    error = read_events(directory.events)[0][1]
    assert "127.0.0.1:1: " in error["message"] and error["hint"].startswith("try by hand: ssh ")
    result = json.loads(directory.result.read_text())
    assert (result["exit_code"], result["attempts"]) == (3, [])


def test_a_run_that_has_begun_is_only_lost_from_sight(runs) -> None:
    directory = runs.make()
    runs.begin(directory)
    runs.lose_host(directory)
    assert supervise(directory) is ExitCode.LOST_CONTACT
    assert told(directory)[-1] == ("end", 5)
    assert not directory.result.exists()


def test_a_run_that_another_supervisor_has_looked_at_is_not_new(runs) -> None:
    directory = runs.make()
    runs.tell(directory, "phase", phase="connect", attempt=0)
    runs.lose_host(directory)
    assert supervise(directory) is ExitCode.LOST_CONTACT
    assert not directory.result.exists()


def test_a_run_that_was_adopted_is_not_new(runs) -> None:
    directory = runs.make()
    about = json.loads(directory.about.read_text())
    directory.about.write_text(json.dumps({**about, "adopted_from": "node1"}))
    runs.lose_host(directory)
    assert supervise(directory) is ExitCode.LOST_CONTACT


def test_clocks_are_measured_when_hosts_are_reached(runs) -> None:
    directory = runs.make(needs={"disk": "1000000TB"})
    assert supervise(directory) is ExitCode.CHECK_FAILED
    (clocks,) = [each for each in read_events(directory.events)[0] if each["event"] == "clocks"]
    assert set(clocks["hosts"]["localhost"]) == {"skew", "error"}


def test_what_has_ended_is_not_supervised_again(runs) -> None:
    directory = runs.make()
    runs.finish(directory, 1, "failed")
    assert supervise(directory) is ExitCode.JOB_FAILED
    assert told(directory) == [("end", 1)]


def test_where_another_supervisor_lives_nothing_is_done(runs) -> None:
    directory = runs.make()
    with directory.supervisor_lock():
        assert supervise(directory) is ExitCode.USAGE
    assert told(directory) == []


def test_a_cancelled_run_ends_where_hosts_answer(runs) -> None:
    away = {"address": "127.0.0.1", "name": "away", "ssh": {"port": 1}}
    cluster = yaml.safe_load(runs.cluster.read_text())
    hosts = [{"address": "localhost"}, away]
    runs.cluster.write_text(yaml.safe_dump({**cluster, "devices": "0", "hosts": hosts}))
    directory = runs.make()
    bound = runs.begin(directory)
    directory.cancel_request.write_text("me\n")
    assert supervise(directory) is ExitCode.LOST_CONTACT
    events = read_events(directory.events)[0]
    assert ("phase", "stop") in told(directory)
    assert [each["epoch"] for each in events if each["event"] == "supervisor"] == [1, 2]
    error = next(each for each in events if each["event"] == "error")
    assert error["message"].startswith("ended on 1 of 2 hosts, those that answer: host away: ")
    here = next(part for part in bound.hosts if part.label == "localhost")
    assert (Path(here.run_dir) / "lease" / "epoch-2").is_dir()
    assert not directory.result.exists()
