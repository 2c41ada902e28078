"""`run`: what it refuses, and Ctrl-C before there is anything to follow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.cli.app import app
from launcher.errors import UsageError
from launcher.run.rundir import RunDir
from tests.stored_runs import StoredRuns

COMMAND = """
import os, signal, sys, time
from launcher.cli import main
from launcher.run import launch, supervisor
from launcher.spec import load

def interrupting(action):
    def act(*words, **more):
        os.kill(os.getpid(), signal.SIGINT)
        return action(*words, **more)
    return act

def supervise(directory):
    with directory.supervisor_lock():
        (directory.path / "supervised").touch()
        time.sleep(1)
    return 0

supervisor.supervise = supervise
module = {"load": load, "create_run": launch}[sys.argv.pop(1)]
name = "load" if module is load else "create_run"
setattr(module, name, interrupting(getattr(module, name)))
main()
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredRuns:
    monkeypatch.setenv("LAUNCHER_RUNS", str(tmp_path / "runs"))
    stored = StoredRuns(tmp_path)
    directory = stored.make()
    directory.path.rename(tmp_path / "unused")
    return stored


def interrupted(runs: StoredRuns, tmp_path: Path, where: str) -> tuple[str, list[RunDir]]:
    """What `run` says that gets Ctrl-C in one of its steps, and the runs that are there then."""
    words = [sys.executable, "-c", COMMAND, where, "run", str(tmp_path / "job.yaml"), "-c", str(runs.cluster)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert (done.returncode, done.stdout) == (130, "")
    return done.stderr, [RunDir(path) for path in (tmp_path / "runs").glob("*")]


def test_ctrl_c_before_there_is_a_run(runs, tmp_path) -> None:
    assert interrupted(runs, tmp_path, "load") == ("\nnothing has been started\n", [])


def test_ctrl_c_while_a_run_is_made_waits_until_it_has_its_supervisor(runs, tmp_path) -> None:
    said, (run,) = interrupted(runs, tmp_path, "create_run")
    name = run.run_id
    told = f"detached: the job goes on. launcher attach {name} | launcher cancel {name}"
    assert said == f"run {name}\n\n{told}\n"
    assert (run.path / "supervised").exists()


@pytest.mark.parametrize("name", ["", "Bad", "-x", "a_b", "x" * 41, "x\n"])
def test_a_name_that_is_none(runs, tmp_path, name: str) -> None:
    with pytest.raises(UsageError, match=r"--name .*: expected a name of lower-case letters"):
        app(
            ["run", f"--name={name}", str(tmp_path / "job.yaml"), "-c", str(runs.cluster)],
            standalone_mode=False,
        )
    assert not list((tmp_path / "runs").iterdir())
