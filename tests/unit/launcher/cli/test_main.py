"""What the command makes of an error of the system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BROKEN = """
import errno, os
from launcher.run import rundir
def find_run(prefix):
    raise {error}
rundir.find_run = find_run
"""


def call(*words: str, runs: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"{before}\nfrom launcher.cli import main; main()"
    environ = {**os.environ, "LAUNCHER_RUNS": str(runs), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=environ, capture_output=True, text=True, check=False
    )


def test_where_runs_cannot_be_kept_the_path_is_said(runs, tmp_path):
    runs.make()
    (tmp_path / "file").touch()
    words = ("run", str(tmp_path / "job.yaml"), "-c", str(runs.cluster))
    done = call(*words, runs=tmp_path / "file")
    assert done.returncode == 2
    first, hint = done.stderr.splitlines()
    assert first.startswith(f"error: {tmp_path}/file/gd-") and first.endswith(": Not a directory")
    assert hint == "  next: runs are kept where LAUNCHER_RUNS says; --debug shows where this came from"


def test_a_full_disk_is_said(runs):
    run = runs.make()
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    done = call("cancel", runs=run.path.parent, before=full)
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        f"error: {run.cancel_request}: File too large",
    )


def test_with_debug_there_is_a_traceback(runs, tmp_path):
    runs.make()
    (tmp_path / "file").touch()
    words = ("--debug", "run", str(tmp_path / "job.yaml"), "-c", str(runs.cluster))
    done = call(*words, runs=tmp_path / "file")
    assert "Traceback" in done.stderr and "NotADirectoryError" in done.stderr


@pytest.mark.parametrize("number", ["ENOSPC", "EDQUOT"])
def test_who_has_no_room_is_told_to_make_some(runs, number):
    error = f"OSError(errno.{number}, os.strerror(errno.{number}), '/a/b')"
    done = call("wait", runs=runs.make().path.parent, before=BROKEN.format(error=error))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: /a/b: ") and done.stderr.endswith("\n  next: make room there\n")


def test_whoever_stops_reading_is_no_error(runs):
    done = call("wait", runs=runs.make().path.parent, before=BROKEN.format(error="BrokenPipeError"))
    assert (done.returncode, done.stderr) == (1, "")
