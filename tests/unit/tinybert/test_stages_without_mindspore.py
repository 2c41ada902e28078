"""What the training stages refuse before they import MindSpore, and that they do not import it for that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tinybert.config import ModelConfig
from tinybert.weights import write_model

JOBS = Path(__file__).parents[3] / "jobs"
Write = Callable[..., Path]
RUN = """
import sys
sys.modules["mindspore"] = None  # importing it raises ImportError
from tinybert.{stage} import main
from tinybert.stage import run_stage
sys.exit(run_stage(main))
"""


def _run(stage: str, *options: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MS_", "RANK_", "LAUNCHER_"))
    }
    return subprocess.run(
        [sys.executable, "-c", RUN.format(stage=stage), *options],
        env={**kept, "PYTHONPATH": str(JOBS)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("stage", ["pretrain", "general_distill"])
def test_help(stage: str) -> None:
    result = _run(stage, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "--keep-checkpoints N" in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "0"], "argument --steps: 0 is below 1"),
        (["--keep-checkpoints", "1"], "must be 2 or more"),
        (["--steps", "3", "--epochs", "2"], "not allowed with"),
        (["--learning-rate", "-1"], "learning rate is -1.0: it must be above 0"),
        (["--batch-size", "41"], "40 records are fewer than one step needs: 1 ranks x batch size 41"),
        (["--dropout", "1"], "hidden_dropout_prob is 1.0"),
        (["--profile", "huge"], "invalid choice: 'huge'"),
    ],
)
def test_wrong_options_are_usage_errors(
    write_records: Write, tmp_path: Path, options: list[str], message: str
) -> None:
    result = _run("pretrain", "--data", str(write_records()), "--output", str(tmp_path / "out"), *options)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_teacher_and_missing_data_are_usage_errors(write_records: Write, tmp_path: Path) -> None:
    places = ("--output", str(tmp_path / "out"), "--teacher", str(tmp_path / "none"))
    result = _run("general_distill", "--data", str(write_records()), *places)
    assert (result.returncode, "none: no model: config.json is missing" in result.stderr) == (2, True)
    result = _run("pretrain", "--data", str(tmp_path / "void"), "--output", str(tmp_path / "out"))
    assert (result.returncode, "void: no such directory" in result.stderr) == (2, True)


def test_a_teacher_that_cannot_teach_this_student_is_refused(write_records: Write, tmp_path: Path) -> None:
    size = ModelConfig(50, 12, 3, 3, 24)
    write_model(tmp_path / "teacher", {"model.safetensors": {"x": np.zeros(1)}}, {"model": size.to_dict()})
    places = ("--output", str(tmp_path / "out"), "--teacher", str(tmp_path / "teacher"))
    result = _run("general_distill", "--data", str(write_records()), *places)
    assert result.returncode == 2
    assert "3 layers are not a multiple of the student's 2; num_attention_heads differs" in result.stderr
