"""Fetching again what hosts hold, while ranks write and after."""

from __future__ import annotations

import fcntl
import shutil
import threading
from pathlib import Path

import pytest

from launcher.errors import LauncherError
from launcher.hosts import Completed, HostError, LocalHost, Stream
from launcher.logs.sources import load_plan
from launcher.run.collect import collect
from launcher.upkeep import recollect as module
from launcher.upkeep.recollect import recollect
from tests.log_runs import FakeRun, make_run


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return make_run(tmp_path)


class Unreachable(LocalHost):
    """A host that does not answer."""

    def run(self, *_: object, **__: object) -> Completed:
        raise HostError(f"host {self.label}: no route")


def text_of(run: FakeRun, attempt: int, key: str) -> str:
    return (run.directory.log(attempt, key) / "log.txt").read_text()


def test_a_run_that_lives_is_fetched_as_it_is(run: FakeRun) -> None:
    plan = run.begin()
    run.show_on_host(finished=None)
    run.write(plan, "0", "so far\n")
    done = recollect(run.directory, every_attempt=False)
    assert (done.attempts, done.is_over, done.errors) == ((1,), False, ())
    assert text_of(run, 1, "0") == "so far\n"
    assert not run.directory.is_collected()
    run.write(plan, "0", "more\n")
    recollect(run.directory, every_attempt=False)
    assert (run.directory.path / "LOG0/log.txt").read_text() == "so far\nmore\n"


def test_a_run_that_is_over_is_collected_for_good(run: FakeRun) -> None:
    plan = run.begin()
    host = run.show_on_host()
    run.write(plan, "0", "all\n")
    (host / "ckpt/step-1").write_text("weights")
    run.finish(collected=False)
    assert not run.directory.is_collected()
    done = recollect(run.directory, every_attempt=False)
    assert done.to_json() == {
        "schema": 1,
        "run": run.directory.run_id,
        "path": str(run.directory.path),
        "attempts": [1],
        "over": True,
        "complete": True,
        "gone": [],
        "errors": [],
        "hosts": [
            {"host": "localhost", "files": 2, "bytes": 11, "received": 51, "missing": [], "left_out": []}
        ],
    }
    assert run.directory.is_collected()
    assert (run.directory.checkpoints / "step-1").read_text() == "weights"


def test_a_host_that_was_lost_when_the_run_ended_has_all_of_it(run: FakeRun) -> None:
    plan = run.begin()
    run.write(plan, "0", "all\n")
    run.show_on_host(finished=None)
    run.finish(collected=False)
    done = recollect(run.directory, every_attempt=False)
    assert (done.is_over, done.errors) == (True, ())
    assert run.directory.is_collected()


def test_only_all_attempts_make_it_whole(run: FakeRun) -> None:
    for attempt in (1, 2):
        run.write(run.begin(attempt), "0", f"attempt {attempt}\n")
    run.show_on_host()
    run.finish(collected=False)
    assert recollect(run.directory, every_attempt=False).attempts == (2,)
    assert not run.directory.log(1, "0").exists()
    assert not run.directory.is_collected()
    assert recollect(run.directory, every_attempt=True).attempts == (1, 2)
    assert text_of(run, 1, "0") == "attempt 1\n"
    assert run.directory.is_collected()
    assert (run.directory.path / "LOG0/log.txt").read_text() == "attempt 2\n"


def test_what_fails_is_told(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.begin()
    run.show_on_host()
    shutil.rmtree(plan.hosts[0].attempt_dir)
    done = recollect(run.directory, every_attempt=False)
    assert "not everything was collected: host localhost" in str(done.errors[0])
    assert not run.directory.is_collected()

    monkeypatch.setattr(module, "connect", lambda endpoint: Unreachable(endpoint.label))
    done = recollect(run.directory, every_attempt=False)
    assert [str(error) for error in done.errors] == ["host localhost: no route"]
    assert [host["missing"] for host in done.hosts()] == [["host localhost: no route"]]
    assert not done.is_over


def test_of_a_run_that_has_gone_from_its_hosts_is_here_what_was_collected(run: FakeRun) -> None:
    run.write(run.begin(), "0", "all\n")
    host = run.show_on_host()
    run.finish(collected=False)
    recollect(run.directory, every_attempt=True)
    shutil.rmtree(host)
    done = recollect(run.directory, every_attempt=True)
    assert (done.gone, done.is_over, done.errors, done.hosts()) == (("localhost",), True, (), [])
    assert text_of(run, 1, "0") == "all\n"
    assert done.to_json()["gone"] == ["localhost"]


def test_a_run_that_went_before_it_was_collected_is_not_whole(run: FakeRun) -> None:
    run.begin()
    shutil.rmtree(run.show_on_host())
    run.finish(collected=False)
    done = recollect(run.directory, every_attempt=True)
    (error,) = done.errors
    assert f"run {run.directory.run_id} went from host localhost before all of it was collected" in str(error)
    assert done.is_over
    assert not run.directory.is_collected()


def test_what_did_come_is_told_of_a_host_that_failed(run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = run.begin()
    run.show_on_host()
    run.write(plan, "0", "good\n")
    changing = Path(plan.host("localhost").attempt_dir) / "LOG1/a"
    changing.write_bytes(b"x")

    class Rewriting(LocalHost):
        def stream(self, text: str, *words: str) -> Stream:
            changing.write_bytes(bytes([changing.read_bytes()[0] + 1]))
            return super().stream(text, *words)

    monkeypatch.setattr(module, "connect", lambda endpoint: Rewriting(endpoint.label))
    done = recollect(run.directory, every_attempt=False)
    (host,) = done.hosts()
    assert host["files"] == 1
    assert host["missing"] == ["'LOG1/a' changes while it is fetched"]
    assert "host localhost: 'LOG1/a' changes while it is fetched" in str(done.errors[0])
    assert not run.directory.is_collected()


def test_what_can_never_be_fetched_keeps_no_run_from_being_collected(run: FakeRun) -> None:
    plan = run.begin()
    host = run.show_on_host()
    (Path(plan.host("localhost").attempt_dir) / "LOG1/a\nb").write_text("")
    (host / "ckpt/c\nd").mkdir()
    done = recollect(run.directory, every_attempt=False)
    assert done.errors == ()
    (shown,) = done.hosts()
    assert shown["missing"] == []
    assert shown["left_out"] == [
        "LOG1/a?b: its name has a line break",
        "ckpt/c?d: its name has a line break",
    ]
    assert run.directory.is_collected()


def test_a_run_without_ranks(run: FakeRun) -> None:
    with pytest.raises(LauncherError, match="nothing to collect"):
        recollect(run.directory, every_attempt=True)


def test_a_log_that_grows_while_it_is_packed_is_no_error(run: FakeRun) -> None:
    plan = run.begin()
    run.show_on_host(finished=None)
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.001):
            run.write(plan, "0", "x" * 1000)

    run.write(plan, "0", "x" * 5_000_000)
    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(3):
            assert recollect(run.directory, every_attempt=False).errors == ()
            assert len(text_of(run, 1, "0")) >= 5_000_000
    finally:
        stop.set()
        writer.join()


def test_who_collects_at_the_same_time_waits(run: FakeRun) -> None:
    run.begin()
    plan = load_plan(run.directory, 1)
    done = threading.Event()

    def fetch() -> None:
        collect(run.directory, [], plan)
        done.set()

    with run.directory.collect_lock():
        thread = threading.Thread(target=fetch)
        thread.start()
        with (
            open(run.directory.path / "collect.lock", "a") as file,
            pytest.raises(BlockingIOError),
        ):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not done.is_set()
    thread.join(60)
    assert done.is_set()
