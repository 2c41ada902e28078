"""`launcher smoke` on this machine: four ranks that are processes."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from launcher.errors import ExitCode

pytestmark = [
    pytest.mark.mindspore,
    pytest.mark.skipif(find_spec("mindspore") is None, reason="needs MindSpore: make setup"),
]


@pytest.fixture
def four(place):
    """The place, its cluster with four devices whose ranks find MindSpore."""
    place.patience = 240.0
    cluster = yaml.safe_load(place.cluster.read_text())
    devices = f"{place.base}-{place.base + 3}"
    place.write("cluster.yaml", {**cluster, "devices": devices, "path": [str(Path(sys.executable).parent)]})
    return place


def test_all_ranks_add_up_and_the_table_is_printed(four):
    done = four.launcher("smoke", "-c", four.cluster, "--sizes", "8,64KiB,1MiB")
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "[0] rank 0 of 4: all have met" in done.stderr
    head, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["SIZE", "TIMES", "MEDIAN", "P99", "ALGBW", "BUSBW"]
    assert [row.split()[:2] for row in rows] == [["8", "B"], ["64", "KiB"], ["1", "MiB"]]
    assert "4 ranks on 1 host: every sum was right" in done.stdout
    assert "pairs           6 measured with 1 MiB" in done.stdout
    assert "slowest pair    rank " in done.stdout
    run = four.directory(four.only_run())
    assert json.loads((run / "LOG3" / "smoke.json").read_text())["phase"] == "done"
    assert four.result(run.name)["metrics"]["steps"] == 3
    assert four.launcher("attach", run.name).stdout == done.stdout
    four.assert_nothing_left()


WRONG = """
import os
if os.environ.get("RANK_ID") == "1":
    import numpy
    right = numpy.arange
    numpy.arange = lambda *given: right(*given) + 1
"""
"""Rank 1 has other numbers than it should, as after a fault of memory."""


def test_a_wrong_sum_fails_the_run_and_names_the_rank(four, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WRONG)
    words = ("--ranks", "2", "--sizes", "64", "--set", f"env.PYTHONPATH={tmp_path}")
    done = four.launcher("smoke", "-c", four.cluster, *words)
    assert done.returncode == ExitCode.JOB_FAILED, done.stdout + done.stderr
    assert re.search(
        r"error    SmokeError: rank [01]: the sum of 64 bytes over 2 ranks is wrong in ", done.stdout
    )
    assert "every sum was right" not in done.stdout
    four.assert_nothing_left()


def test_where_time_runs_out_json_says_how_far_all_came(four):
    done = four.launcher("smoke", "-c", four.cluster, "--ranks", "2", "--json", "--set", "timeouts.run=1s")
    assert done.returncode == ExitCode.JOB_FAILED, done.stderr
    found = json.loads(done.stdout)
    assert (found["exit_code"], found["ranks"], found["sizes"]) == (1, 2, [])
    assert {each["phase"] for each in found["came"]} <= {"", "import", "scheduler", "join"}
    four.assert_nothing_left()


def test_one_rank_is_refused_before_anything_starts(four):
    done = four.launcher("smoke", "-c", four.cluster, "--ranks", "1")
    assert done.returncode == ExitCode.USAGE
    assert "an all-reduce needs ranks that meet: 1 rank(s)" in done.stderr
    assert "--ranks 2 or more" in done.stderr
    assert four.runs() == []


def test_a_python_without_mindspore_is_found_before_anything_starts(four, tmp_path):
    python = tmp_path / "bare" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    done = four.launcher("smoke", "-c", four.cluster, "--json", "--set", f"cluster.path=[{python.parent}]")
    assert done.returncode == ExitCode.CHECK_FAILED, done.stderr
    assert "packages: mindspore is not installed" in done.stderr
    assert json.loads(done.stdout) == {"schema": 1, "run": four.only_run(), "exit_code": 3}
