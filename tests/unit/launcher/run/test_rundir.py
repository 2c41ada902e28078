"""Run directories as they are found: read-only, damaged, or of a newer launcher."""

from __future__ import annotations

import builtins

import pytest

from tests.stored_runs import StoredRuns


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    stored = StoredRuns(tmp_path)
    yield stored
    stored.close()


@pytest.fixture
def read_only(monkeypatch):
    """Root, too, may open nothing for writing."""
    real = builtins.open

    def refuse(path, mode="r", *rest, **more):
        if set(mode) & set("wax+"):
            raise OSError(30, "Read-only file system", str(path))
        return real(path, mode, *rest, **more)

    return lambda: monkeypatch.setattr(builtins, "open", refuse)


def test_whether_a_run_is_supervised_is_seen_without_writing(runs, read_only):
    run = runs.make()
    with run.supervisor_lock() as ours:
        assert ours
        read_only()
        assert run.is_supervised()
    assert not run.is_supervised()


def test_a_run_that_no_supervisor_has_ever_had_is_not_supervised(runs, read_only):
    run = runs.make()
    read_only()
    assert not run.is_supervised()
    assert not (run.path / "supervisor.lock").exists()
