"""Run directories as they are found: read-only, damaged, or of a newer launcher."""

from __future__ import annotations

import builtins

import pytest

from launcher.errors import ExitCode, UsageError
from launcher.run.supervisor import supervise
from launcher.status.survey import survey


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


DAMAGES = {
    "empty after a loss of power": "",
    "zeros after a loss of power": "\0" * 300,
    "half": '{"schema": 1, "ho',
    "a list": "[]",
    "bytes": "\udcff",
}
FILES = ("about", "hosts", "spec", "result")


@pytest.mark.parametrize("text", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_and_other_runs_are_listed(runs, name, text):
    damaged, whole = begun(runs), runs.make()
    path = getattr(damaged, name)
    path.write_text(text, "utf-8", "surrogateescape")
    overviews, (error,) = survey([damaged, whole])
    assert [overview.run for overview in overviews] == [whole.run_id]
    assert isinstance(error, UsageError) and str(error).startswith(f"{path}: damaged (")
    assert damaged.run_id in str(error.hint)


@pytest.mark.parametrize("name", FILES)
def test_a_newer_schema_is_refused_by_name(runs, name):
    run = begun(runs)
    path = getattr(run, name)
    path.write_text('{"schema": 2, "what": "it has is not known"}')
    _, (error,) = survey([run])
    assert str(error) == f"{path}: schema 2, this launcher reads up to 1"
    assert "newer" in str(error.hint)


def begun(runs):
    """A run of which its hosts must be asked."""
    run = runs.make()
    runs.begin(run)
    return run


@pytest.mark.parametrize("name", ["hosts", "result"])
def test_what_a_file_lacks_is_said(runs, name):
    run = begun(runs)
    getattr(run, name).write_text('{"schema": 1, "hosts": [{}]}')
    with pytest.raises(UsageError, match=rf"{name}.json: damaged \("):
        run.endpoints() if name == "hosts" else run.exit_code()


def test_a_host_without_an_address_is_said_where_it_lacks(runs):
    run = begun(runs)
    run.hosts.write_text('{"schema": 1, "hosts": []}')
    _, (error,) = survey([run])
    assert str(error) == f"{run.hosts}: damaged (KeyError: 'localhost')"


def test_what_is_not_there_is_said(runs):
    run = begun(runs)
    run.hosts.unlink()
    with pytest.raises(UsageError, match=r"hosts\.json: No such file"):
        run.endpoints()


def test_a_plan_that_lacks_something_is_named(runs):
    run = begun(runs)
    run.plan(1).write_text("{}")
    _, (error,) = survey([run])
    assert str(error).startswith(f"{run.plan(1)}: damaged (KeyError: ")


def test_a_damaged_run_json_is_no_way_for_a_supervisor_to_die(runs):
    run = runs.make()
    run.about.write_text("")
    assert supervise(run) == ExitCode.USAGE
    assert not run.result.exists()
