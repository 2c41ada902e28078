"""A rank of the smoke job, as far as it needs no MindSpore."""

from __future__ import annotations

import json
import runpy
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from launcher.smoke.code.smoke_job import all_reduce
from launcher.smoke.code.smoke_job.all_reduce import Circle, SmokeError
from launcher.smoke.code.smoke_job.notes import Notes, middle, write_error

CODE = Path(all_reduce.__file__).parents[1]


def test_it_imports_nothing_of_the_launcher_and_nothing_heavy():
    script = "import sys, smoke_job.all_reduce as a; print([m for m in sys.modules if m.startswith(HEAVY)])"
    script = script.replace("HEAVY", "('launcher', 'mindspore', 'numpy')")
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, cwd=CODE, env={"PYTHONPATH": str(CODE)}, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("seconds, times", [(0.0, 50), (0.001, 50), (0.1, 20), (0.5, 4), (0.9, 3), (60.0, 3)])
def test_repetitions_fill_the_budget(seconds, times):
    assert all_reduce.repetitions(seconds, 2.0) == times


def test_a_size_that_would_take_too_long_is_known_before():
    assert not all_reduce.takes_too_long(8, {})
    assert not all_reduce.takes_too_long(2**20, {8: 0.001, 2**16: 0.3})
    assert all_reduce.takes_too_long(2**20, {8: 0.001, 2**16: 0.4})
    assert all_reduce.takes_too_long(2**10, {8: 6.0})


def test_what_a_call_needs_says_nothing_of_larger_sizes():
    assert not all_reduce.takes_too_long(2**26, {8: 0.1})
    assert not all_reduce.takes_too_long(2**26, {8: 0.1, 2**10: 0.1})


def test_pairs_take_the_largest_size_that_all_have_managed():
    assert all_reduce.pair_size("cpu", [8, 2**16, 2**20, 2**22]) == 2**20
    assert all_reduce.pair_size("cpu", [8, 2**16]) == 2**16
    assert all_reduce.pair_size("ascend", [8, 2**20, 2**26]) == 2**20
    assert all_reduce.pair_size("cpu", [2**26, 2**24]) == 2**24


def test_options_are_read():
    given = all_reduce.options(["--device=cpu", "--host=h 1", "--patience=2", "--sizes", "1024", "8"])
    assert given == all_reduce.Options("cpu", "h 1", (8, 1024), 2.0)


def test_the_scheduler_is_waited_for():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        environ = {
            "MS_SCHED_HOST": "127.0.0.1",
            "MS_SCHED_PORT": str(server.getsockname()[1]),
            "RANK_ID": "3",
        }
        threading.Timer(0.5, server.listen).start()
        began = time.monotonic()
        all_reduce.reach_scheduler(environ, 30.0)
        assert time.monotonic() - began > 0.3


def test_a_scheduler_that_cannot_be_reached_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        environ = {"MS_SCHED_HOST": "127.0.0.1", "MS_SCHED_PORT": str(port), "RANK_ID": "3"}
        with pytest.raises(SmokeError) as caught:
            all_reduce.reach_scheduler(environ, 0.1)
    said = str(caught.value)
    assert said.startswith(
        f"rank 3 cannot reach the scheduler, which is with rank 0, at 127.0.0.1 port {port}: "
    )
    assert "refused" in said


def test_notes_are_whole_at_any_time(tmp_path):
    notes = Notes(tmp_path, 2)
    notes.enter("import")
    assert json.loads((tmp_path / "smoke.json").read_text())["phase"] == "import"
    notes.enter("sizes")
    notes.add_size(8, [0.2, 0.1, 0.3])
    notes.add_size(1024, [0.4])
    notes.leave_out([2**20])
    notes.add_pair((2, 3), 1024, [0.5])
    found = json.loads((tmp_path / "smoke.json").read_text())
    assert found["rank"] == 2 and list(found["seconds"]) == ["import"]
    assert found["sizes"] == [{"bytes": 8, "times": [0.2, 0.1, 0.3]}, {"bytes": 1024, "times": [0.4]}]
    assert (found["left_out"], found["pairs"][0]["ranks"]) == ([2**20], [2, 3])
    rows = list(map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines()))
    assert [(row["step"], row["bytes"], row["seconds"]) for row in rows] == [(1, 8, 0.2), (2, 1024, 0.4)]
    assert {path.name for path in tmp_path.iterdir()} == {"smoke.json", "metrics.jsonl"}


def test_the_middle_of_times():
    assert middle([0.3, 0.1, 0.2]) == 0.2


def test_an_error_is_left_for_the_launcher(tmp_path):
    try:
        raise SmokeError("rank 1: wrong")
    except SmokeError as error:
        write_error(tmp_path, 1, error)
    found = json.loads((tmp_path / "error.json").read_text())
    assert (found["type"], found["message"], found["rank"]) == ("SmokeError", "rank 1: wrong", 1)
    assert "test_an_error_is_left_for_the_launcher" in found["traceback"]


class OtherRanks:
    """Stands in for MindSpore's AllReduce: adds what two other ranks have, with an error in some values."""

    def __init__(self, wrong: dict[int, float]) -> None:
        self.wrong = wrong

    def __call__(self, values):
        total = values / 2 * 6  # this is rank 1 of 3: twice the pattern, of 1 + 2 + 3 times in all
        for index, error in self.wrong.items():
            total[index] += error
        return SimpleNamespace(asnumpy=lambda: total)


def circle_with(monkeypatch, wrong: dict[int, float]) -> Circle:
    """Rank 1 of 3 whose sums come from OtherRanks."""

    class Cell:
        def __call__(self, values):
            return self.construct(values)

    ops = SimpleNamespace(AllReduce=lambda: OtherRanks(wrong))
    fake = SimpleNamespace(Tensor=lambda values: values, nn=SimpleNamespace(Cell=Cell), ops=ops)
    monkeypatch.setitem(sys.modules, "mindspore", fake)
    return Circle("cpu", range(3), 1)


def test_a_right_sum_is_right(monkeypatch):
    values = circle_with(monkeypatch, {}).check(4 * 10)
    assert values.tolist() == [2, 4, 6, 8, 10, 12, 14, 2, 4, 6]


def test_a_wrong_sum_names_rank_and_value(monkeypatch):
    with pytest.raises(SmokeError) as caught:
        circle_with(monkeypatch, {3: 1.0, 8: np.nan}).check(4 * 10)
    assert str(caught.value) == (
        "rank 1: the sum of 40 bytes over 3 ranks is wrong in 2 of 10 values, "
        "the first is 3: 25 instead of 24"
    )


def test_an_error_ends_the_rank_and_stays_in_error_json(monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for name, value in {
            "RANK_ID": "1",
            "RANK_SIZE": "2",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
            "LAUNCHER_LOG_DIR": str(tmp_path),
            "MS_SCHED_HOST": "127.0.0.1",
            "MS_SCHED_PORT": str(taken.getsockname()[1]),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(sys.modules, "mindspore", SimpleNamespace())
        names = ("get_group_size", "get_rank", "init")
        fake = SimpleNamespace(**dict.fromkeys(names, lambda: None))
        monkeypatch.setitem(sys.modules, "mindspore.communication", fake)
        monkeypatch.setattr(
            sys, "argv", ["all_reduce", "--device=cpu", "--host=h", "--patience=0.1", "--sizes", "8"]
        )
        monkeypatch.setattr(sys, "path", [str(CODE), *sys.path])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("smoke_job.all_reduce", run_name="__main__")
    assert ended.value.code == 1
    assert json.loads((tmp_path / "smoke.json").read_text())["phase"] == "scheduler"
    assert json.loads((tmp_path / "error.json").read_text())["rank"] == 1
