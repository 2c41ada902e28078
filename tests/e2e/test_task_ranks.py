"""The stages of a labelled task on two ranks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinybert.models.weights import read_tensors

from tests.e2e.ranks import SECONDS, environment, run_on_two_ranks
from tests.unit.tinybert.small_tasks import write_task

pytestmark = pytest.mark.mindspore


def _command(stage: str, *options: str) -> list[str]:
    return [sys.executable, "-m", f"tinybert.{stage}", "--device", "cpu", *options]


def _alone(command: list[str], log_dir: Path) -> None:
    subprocess.run(command, env=environment(log_dir), timeout=SECONDS, check=True)


def _finetune(data: Path, output: Path, steps: int, batch_size: int) -> list[str]:
    places = ["--data", str(data), "--output", str(output), "--from-scratch", str(data / "vocab.txt")]
    numbers = ["--steps", str(steps), "--batch-size", str(batch_size), "--learning-rate", "1e-3"]
    return _command("finetune", *places, *numbers, "--lengths", "4,8", "--log-every", "1")


def _model(directory: Path) -> dict[str, np.ndarray]:
    return read_tensors(directory / "model.safetensors")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_task(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def teacher(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher that one process has trained well."""
    home = tmp_path_factory.mktemp("teacher")
    _alone(_finetune(data, home, 60, 8), home / "LOG0")
    return home / "model-final"


def test_two_ranks_score_every_row_once_as_one_rank_does(data: Path, teacher: Path, tmp_path: Path) -> None:
    """21 rows: the ranks get 11 and 10, in batches of 4."""
    command = _command("evaluate", "--model", str(teacher), "--data", str(data), "--batch-size", "4")
    _alone([*command, "--out", str(tmp_path / "one.json")], tmp_path / "LOG0")
    assert run_on_two_ranks([*command, "--out", str(tmp_path / "two.json")], tmp_path) == [0, 0, 0]
    one, two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two"))
    assert one == two
    assert one["results"][0]["rows"] == 21


@pytest.mark.full
def test_two_ranks_fine_tune_as_one_rank_with_the_doubled_batch(data: Path, tmp_path: Path) -> None:
    _alone(_finetune(data, tmp_path / "one", 4, 8), tmp_path / "one" / "LOG0")
    assert run_on_two_ranks(_finetune(data, tmp_path / "two", 4, 4), tmp_path / "two") == [0, 0, 0]
    expected, found = (_model(tmp_path / name / "model-final") for name in ("one", "two"))
    for name, values in found.items():
        error, norm = np.linalg.norm(values - expected[name]), np.linalg.norm(expected[name])
        # The key bias cancels in the softmax: it is zero but for rounding.
        assert error < 1e-5 * norm + 1e-8 * np.sqrt(values.size), name


@pytest.mark.full
@pytest.mark.parametrize("phase", ["1", "2"])
def test_two_ranks_that_resume_with_dropout_equal_two_unbroken_ones_bit_by_bit(
    data: Path, teacher: Path, tmp_path: Path, phase: str
) -> None:
    places = ["--data", str(data), "--teacher", str(teacher), "--output", str(tmp_path)]
    numbers = ["--steps", "5", "--batch-size", "4", "--checkpoint-every", "3", "--dropout", "0.2"]
    command = _command("task_distill", *places, *numbers, "--phase", phase, "--from-scratch", "--resume")
    assert run_on_two_ranks(command, tmp_path / "first") == [0, 0, 0]
    unbroken = _model(tmp_path / "student-final")
    shutil.rmtree(tmp_path / "student-final")
    assert run_on_two_ranks(command, tmp_path / "second") == [0, 0, 0]
    first = json.loads((tmp_path / "second" / "LOG1" / "metrics.jsonl").read_text().splitlines()[0])
    assert first["step"] == 4
    for name, values in _model(tmp_path / "student-final").items():
        np.testing.assert_array_equal(values, unbroken[name], err_msg=name)
