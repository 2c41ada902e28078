from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tinybert.stages.stage import StageError, run_stage, write_error_report


@pytest.fixture
def log_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("LAUNCHER_LOG_DIR", str(tmp_path / "LOG3"))
    monkeypatch.setenv("RANK_ID", "3")
    return tmp_path / "LOG3"


def report(log_dir):
    return json.loads((log_dir / "error.json").read_text())


def raiser(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (3, 3)])
def test_exit_code_is_what_main_returns(log_dir, returned, code):
    assert run_stage(lambda: returned) == code
    assert not log_dir.exists()


def test_user_error_is_one_line_and_exit_code_2(log_dir, capsys):
    assert run_stage(raiser(StageError("no such file: x"))) == 2
    assert capsys.readouterr().err == "error: no such file: x\n"
    assert report(log_dir)["type"] == "StageError"
    assert report(log_dir)["message"] == "no such file: x"


def test_unexpected_error_passes_on_and_is_reported(log_dir):
    with pytest.raises(KeyError):
        run_stage(raiser(KeyError("bert/pooler")))
    assert report(log_dir)["type"] == "KeyError"
    assert report(log_dir)["rank"] == 3
    assert "raise error" in report(log_dir)["traceback"]
    assert report(log_dir)["time"] > 0


def test_first_report_of_an_attempt_stays(log_dir):
    write_error_report(ValueError("first"))
    write_error_report(ValueError("second"))
    assert report(log_dir)["message"] == "first"
    assert [path.name for path in log_dir.iterdir()] == ["error.json"]


def test_an_error_stands_where_its_report_cannot_be_written(log_dir, capsys):
    log_dir.write_text("a file")
    assert run_stage(raiser(StageError("no such file: x"))) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: no such file: x"
    assert second == f"no report of this error: {log_dir / 'error.json'}: File exists"
    with pytest.raises(KeyError):
        run_stage(raiser(KeyError("bert/pooler")))


def test_report_survives_a_rank_that_is_no_number(log_dir, monkeypatch):
    monkeypatch.setenv("RANK_ID", "zero")
    write_error_report(ValueError("RANK_ID is not a number"))
    assert report(log_dir)["rank"] == "zero"


def test_by_hand_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("LAUNCHER_LOG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run_stage(raiser(StageError("x"))) == 2
    assert list(tmp_path.iterdir()) == []


def test_process_prints_traceback_and_exits_with_1():
    code = "from tinybert.stages.stage import run_stage\nrun_stage(lambda: 1 // 0)"
    path = f"import sys; sys.path[:0] = {sys.path!r}\n"
    done = subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
