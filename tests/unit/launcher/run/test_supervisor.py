"""Hosts that cannot be reached: a new run has failed its check, another one goes on without us."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from launcher.errors import ExitCode
from launcher.run import supervisor
from launcher.run.attempt import Ending
from launcher.run.events import read_events
from launcher.run.ground import Ground
from launcher.run.rundir import RunDir
from launcher.run.supervisor import supervise
from tests.full_disk import full_disk
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


ENDED_WELL = Ending(ExitCode.OK, "all ranks ended with 0", {})


def test_room_for_the_end_is_kept_while_the_run_goes_on(runs, monkeypatch) -> None:
    directory, kept = runs.make(), []

    def conduct(_: object) -> Ending:
        kept.append(directory.reserve.stat().st_blocks * 512)
        return ENDED_WELL

    monkeypatch.setattr(supervisor, "conduct", conduct)
    assert supervise(directory) is ExitCode.OK
    assert kept[0] >= 2**20 and not directory.reserve.exists()
    assert directory.exit_code() == 0


def test_a_disk_that_is_full_for_a_while_is_no_end(runs, monkeypatch) -> None:
    directory = runs.make()

    def conduct(ground: Ground) -> Ending:
        with full_disk(), ground.course.phase("watch", 1):
            return ENDED_WELL

    monkeypatch.setattr(supervisor, "conduct", conduct)
    assert supervise(directory) is ExitCode.OK
    assert told(directory)[-3:] == [("supervisor", None), ("phase", "watch"), ("end", 0)]


def test_a_disk_without_room_for_the_reserve_is_told(runs, monkeypatch) -> None:
    directory = runs.make()
    monkeypatch.setattr(supervisor, "conduct", lambda _: ENDED_WELL)
    with full_disk(2**19):
        assert supervise(directory) is ExitCode.OK
    (warning,) = [each for each in read_events(directory.events)[0] if each["event"] == "warning"]
    assert warning["message"].startswith(f"{directory.reserve}: ") and warning["hint"]


def test_a_result_that_cannot_be_written_is_told_with_the_end(runs, monkeypatch) -> None:
    directory = runs.make()

    def write(path: Path, _: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(supervisor, "conduct", lambda _: ENDED_WELL)
    monkeypatch.setattr(supervisor, "write_json", write)
    assert supervise(directory) is ExitCode.OK
    assert told(directory)[-2:] == [("error", None), ("end", 0)]
    error = read_events(directory.events)[0][-2]
    assert error["message"] == f"{directory.result}: No space left on device"
    assert error["hint"] == f"make room there, then: launcher attach {directory.run_id}"


def test_where_nothing_can_be_written_the_supervisor_ends_with_the_code_of_the_run(runs, monkeypatch) -> None:
    directory = runs.make()
    monkeypatch.setattr(supervisor, "conduct", lambda _: ENDED_WELL)
    monkeypatch.setattr(supervisor, "_prepare", lambda *_: SimpleNamespace(owner="me", epoch=1))
    with full_disk():
        assert supervise(directory) is ExitCode.OK
    assert told(directory) == [] and not directory.result.exists()
    assert list(directory.path.glob(".*")) == []
