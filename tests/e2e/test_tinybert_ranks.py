"""Training on two ranks, as the launcher starts them: environment variables, and a scheduler beside them."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from tinybert.models.weights import read_tensors
from tinybert.records.tfrecord import encode_example, write_record

from tests.e2e.ranks import SECONDS, environment, run_on_two_ranks, two_ranks

pytestmark = pytest.mark.mindspore
LENGTH, PREDICTIONS, VOCAB_SIZE = 16, 4, 100
FINAL = {"pretrain": "teacher-final", "general_distill": "student-final"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("data")
    _write(directory / "a.tfrecord", range(64))
    return directory


def _write(path: Path, first_tokens: Iterable[int]) -> None:
    with path.open("wb") as file:
        for token in first_tokens:
            write_record(file, encode_example(_example(token)))


def _example(number: int) -> dict[str, list]:
    """A record whose first token is `number`."""
    draw = random.Random(number)
    real = draw.randint(LENGTH // 2, LENGTH)
    padding = [0] * (LENGTH - real)
    return {
        "input_ids": [number, *(draw.randrange(VOCAB_SIZE) for _ in range(real - 1)), *padding],
        "input_mask": [1] * real + padding,
        "segment_ids": [0] * 4 + [1] * (real - 4) + padding,
        "masked_lm_positions": [1, 2, 3, 4],
        "masked_lm_ids": [draw.randrange(VOCAB_SIZE) for _ in range(PREDICTIONS)],
        "masked_lm_weights": [1.0] + [float(draw.randrange(2)) for _ in range(PREDICTIONS - 1)],
        "next_sentence_labels": [draw.randrange(2)],
    }


@pytest.fixture(scope="module")
def one_rank(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the doubled batch: pretrain/teacher-final, general_distill/student-final."""
    directory = tmp_path_factory.mktemp("one")
    for stage in ("pretrain", "general_distill"):
        command = _command(stage, data, directory / stage, directory, batch_size=8)
        subprocess.run(command, env=environment(directory / stage / "LOG0"), timeout=SECONDS, check=True)
    return directory


def _command(stage: str, data: Path, output: Path, one_rank: Path, batch_size: int = 4) -> list[str]:
    """Four steps of a stage; distillation takes the teacher that one rank made."""
    options = [
        "--data",
        str(data),
        "--output",
        str(output),
        "--batch-size",
        str(batch_size),
        "--device",
        "cpu",
    ]
    own = ["--vocab-size", str(VOCAB_SIZE)]
    if stage == "general_distill":
        own = ["--teacher", str(one_rank / "pretrain" / FINAL["pretrain"])]
    return [
        sys.executable,
        "-m",
        f"tinybert.{stage}",
        *options,
        *own,
        *["--steps", "4", "--checkpoint-every", "3"],
    ]


@pytest.mark.parametrize("stage", ["pretrain", "general_distill"])
def test_two_ranks_equal_one_rank_with_the_doubled_batch(
    stage: str, data: Path, one_rank: Path, tmp_path: Path
) -> None:
    command = _command(stage, data, tmp_path, one_rank)
    assert run_on_two_ranks(command, tmp_path) == [0, 0, 0]
    expected, found = _model(one_rank / stage, stage), _model(tmp_path, stage)
    assert found.keys() == expected.keys()
    for name, values in found.items():
        error, norm = np.linalg.norm(values - expected[name]), np.linalg.norm(expected[name])
        # The key bias cancels in the softmax: in pretraining it is zero but for rounding, at most 1e-8 here.
        assert error < 1e-5 * norm + 1e-8 * np.sqrt(values.size), name
    losses = [_losses(tmp_path / f"LOG{rank}") for rank in range(2)]
    assert losses[0] == losses[1]
    assert losses[0] == pytest.approx(_losses(one_rank / stage / "LOG0"), rel=1e-5)


def test_two_ranks_that_resume_equal_two_unbroken_ones_bit_by_bit(
    data: Path, one_rank: Path, tmp_path: Path
) -> None:
    command = [*_command("general_distill", data, tmp_path, one_rank), "--resume"]
    assert run_on_two_ranks(command, tmp_path / "first") == [0, 0, 0]
    unbroken = _model(tmp_path, "general_distill")
    shutil.rmtree(tmp_path / FINAL["general_distill"])
    assert run_on_two_ranks(command, tmp_path / "second") == [0, 0, 0]
    assert _metrics(tmp_path / "second" / "LOG1")[0]["step"] == 4
    for name, values in _model(tmp_path, "general_distill").items():
        np.testing.assert_array_equal(values, unbroken[name], err_msg=name)


def test_pretraining_that_is_killed_as_it_saves_goes_on_bit_by_bit(
    data: Path, one_rank: Path, tmp_path: Path
) -> None:
    models = {}
    for name, kills in (("unbroken", ()), ("killed", (3,))):
        command = [*_command("pretrain", data, tmp_path / name, one_rank), "--resume"]
        command[-5:-1] = ["--steps", "5", "--checkpoint-every", "1"]
        for step in kills:
            with subprocess.Popen(command, env=environment(tmp_path / name / "LOG0")) as process:
                _wait_for_step(tmp_path / name / "checkpoints", step)
                process.kill()
        subprocess.run(command, env=environment(tmp_path / name / "LOG0"), timeout=SECONDS, check=True)
        models[name] = _model(tmp_path / name, "pretrain")
    for name, values in models["killed"].items():
        np.testing.assert_array_equal(values, models["unbroken"][name], err_msg=name)


def _wait_for_step(checkpoints: Path, step: int) -> None:
    """Until a checkpoint is there, or about to be: what is written by rename has a hidden name before."""
    deadline = time.monotonic() + SECONDS
    while not any(checkpoints.glob(f"*step-{step:08d}*")) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert any(checkpoints.glob(f"*step-{step:08d}*"))


def test_a_rank_that_cannot_read_its_data_ends_with_a_message(one_rank: Path, tmp_path: Path) -> None:
    """The other rank waits for it then; ending that one is the launcher's task."""
    (tmp_path / "data").mkdir()
    _write(tmp_path / "data" / "a.tfrecord", [*range(63), VOCAB_SIZE])
    command = _command("general_distill", tmp_path / "data", tmp_path, one_rank)
    command[command.index("--steps") + 1] = "16"
    with two_ranks(command, tmp_path) as (_, *ranks):
        ended = _first_to_end(ranks)
        assert ranks[ended].returncode == 2
    report = json.loads((tmp_path / f"LOG{ended}" / "error.json").read_text())
    assert report["rank"] == ended
    assert "a.tfrecord: a record has input_ids 100, outside 0..99" in report["message"]


def _first_to_end(processes: list[subprocess.Popen]) -> int:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for number, process in enumerate(processes):
            if process.poll() is not None:
                return number
        time.sleep(0.05)
    raise AssertionError("no rank has ended")


def _model(output: Path, stage: str) -> dict[str, np.ndarray]:
    return read_tensors(output / FINAL[stage] / "model.safetensors")


def _metrics(log_dir: Path) -> list[dict]:
    return [json.loads(line) for line in (log_dir / "metrics.jsonl").read_text().splitlines()]


def _losses(log_dir: Path) -> list[float]:
    return [line["loss"] for line in _metrics(log_dir)]
