"""One run in full: members from events while they are true, else from hosts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from launcher.hosts import HostError, LocalHost
from launcher.run.gang import State
from launcher.status import detail
from launcher.status.detail import look_at
from launcher.status.state import Standing


def states(seen):
    return [(member.key, member.state, member.exit_code) for member in seen.members]


def put_metrics(log_dir: Path, *rows: str) -> None:
    log_dir.mkdir(parents=True, exist_ok=True)
    (log_dir / "metrics.jsonl").write_text("\n".join(rows) + "\n")


def test_before_any_attempt(runs):
    seen = look_at(runs.make())
    assert seen.state.standing is Standing.STARTING
    assert (seen.plan, seen.members, seen.metrics, seen.errors) == (None, (), {}, ())
    assert seen.to_json()["plan"] is None


def test_while_its_supervisor_lives_events_tell_and_the_host_has_the_metrics(runs):
    directory = runs.make()
    bound = runs.begin(directory)
    runs.tell_member(directory, "0", "running")
    put_metrics(Path(bound.members[0].log_dir), '{"step": 1}', '{"step": 2, "loss": 7.5}')
    put_metrics(Path(bound.members[1].log_dir), '{"step": 1, "lo')
    with directory.supervisor_lock():
        seen = look_at(directory)
    assert states(seen) == [("0", State.RUNNING, None), ("1", State.PLANNED, None)]
    assert seen.metrics == {"0": {"step": 2, "loss": 7.5}}
    shown = json.loads(json.dumps(seen.to_json()))
    assert (shown["phase"], shown["supervised"], shown["attempt"]) == ("watch", True, 1)
    assert shown["members"][0]["metrics"] == {"step": 2, "loss": 7.5}
    assert shown["members"][1]["state"] == "planned" and shown["plan"] == bound.digest


def test_without_a_supervisor_the_host_tells(runs):
    directory = runs.make()
    bound = runs.begin(directory)
    runs.tell_member(directory, "0", "running")
    runs.tell_member(directory, "1", "running")
    runs.start_rank(bound, "0")
    runs.state(bound, "1.pid", "1 0 some-boot 5")
    runs.state(bound, "1.end", "9 1795420001.5")
    seen = look_at(directory)
    assert seen.state.words == "1 rank still runs"
    assert states(seen) == [("0", State.RUNNING, None), ("1", State.ENDED, 9)]


def test_ranks_that_were_never_started(runs):
    directory = runs.make()
    runs.begin(directory)
    assert {state for _, state, _ in states(look_at(directory))} == {State.ABSENT}


def test_after_its_end_nothing_is_asked(runs, monkeypatch):
    directory = runs.make()
    runs.begin(directory)
    runs.tell_member(directory, "0", "ended", exit_code=3, ended=1.0)
    runs.finish(directory, 1, "failed")
    put_metrics(directory.log(1, "0"), '{"step": 8}', "no metric")
    put_metrics(directory.log(1, "1"), '{"step": 9}')
    monkeypatch.setattr(detail, "connect", pytest.fail)
    seen = look_at(directory)
    assert states(seen) == [("0", State.ENDED, 3), ("1", State.PLANNED, None)]
    assert seen.metrics == {"1": {"step": 9}}


def test_events_of_an_older_attempt_say_nothing_of_the_newest(runs):
    directory = runs.make()
    runs.begin(directory)
    runs.tell_member(directory, "0", "ended", exit_code=3)
    runs.begin(directory, attempt=2)
    with directory.supervisor_lock():
        assert states(look_at(directory)) == [("0", State.PLANNED, None), ("1", State.PLANNED, None)]


def test_a_host_that_cannot_be_reached_is_asked_once(runs, monkeypatch):
    directory = runs.make()
    runs.begin(directory)
    runs.lose_host(directory)
    monkeypatch.setattr(detail, "connect", None)
    seen = look_at(directory)
    assert {state for _, state, _ in states(seen)} == {State.UNKNOWN}
    (error,) = seen.errors
    assert error.startswith("host localhost: ") and "127.0.0.1:1: " in error


def test_a_host_that_falls_silent(runs, monkeypatch):
    class Silent(LocalHost):
        def run(self, *words, **options):
            raise HostError("host localhost: no answer")

        def stream(self, *words):
            return super().stream("sleep 60")

    directory = runs.make()
    runs.begin(directory)
    monkeypatch.setattr(detail, "connect", lambda endpoint: Silent(endpoint.label))
    monkeypatch.setattr(detail, "_PATIENCE", 0.3)
    seen = look_at(directory)
    assert {state for _, state, _ in states(seen)} == {State.UNKNOWN}
    assert seen.errors == ("host localhost: no answer",)
