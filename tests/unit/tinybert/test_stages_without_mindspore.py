"""What the training stages refuse before they import MindSpore, and that they do not import it for that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tinybert.models.config import ModelConfig
from tinybert.models.weights import write_model

from tests.unit.tinybert.small_tasks import write_task

JOBS = Path(__file__).parents[3] / "jobs"
Write = Callable[..., Path]
RUN = """
import sys
sys.modules["mindspore"] = None  # importing it raises ImportError
from tinybert.{stage} import main
from tinybert.stages.stage import run_stage
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


@pytest.mark.parametrize("stage", ["pretrain", "general_distill", "finetune", "task_distill"])
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


def _teacher(directory: Path, head: bool = True, outputs: int = 2, **info: object) -> Path:
    """What the stages look at before they read weights."""
    tensors = {"bert.pooler.bias": np.zeros(4, np.float32)}
    if head:
        tensors["classifier.weight"] = np.zeros((outputs, 4), np.float32)
    size = ModelConfig(50, 4, 2, 2, 8, max_position_embeddings=16)
    write_model(directory, {"model.safetensors": tensors}, {"model": size.to_dict(), **info})
    return directory


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        (
            {"head": False},
            "no fine-tuned head (classifier.weight): a BERT that was only pretrained knows nothing",
        ),
        ({"outputs": 3}, "its head has 3 outputs, but sst2 needs 2"),
        (
            {"target": {"task": "rte", "kind": "classes", "labels": ["entailment", "not_entailment"]}},
            "fine-tuned for rte, other labels than these records'",
        ),
        ({"vocab_sha256": "cd"}, "train.tfrecord was made with another vocabulary than"),
        ({"lower_case": False}, "was trained on cased text, but"),
    ],
)
def test_a_teacher_of_another_task_or_of_none_is_refused(tmp_path: Path, teacher: dict, message: str) -> None:
    data = write_task(tmp_path / "data")
    places = ["--data", str(data), "--teacher", str(_teacher(tmp_path / "teacher", **teacher))]
    result = _run(
        "task_distill", *places, "--output", str(tmp_path / "out"), "--phase", "2", "--from-scratch"
    )
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    places[2:3] = ["--model"]
    result = _run("evaluate", *places)
    assert (result.returncode, message.replace("train.", "dev.") in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize(
    ("stage", "options", "message"),
    [
        ("finetune", ["--train-split", "test"], "the labels of this split are not known"),
        ("finetune", ["--lengths", "8,x"], "'8,x' is no list of whole numbers"),
        ("finetune", ["--lengths", "0"], "0 is below 1"),
        ("finetune", ["--init", "none"], "not allowed with argument"),
        ("task_distill", ["--temperature", "0"], "--temperature is 0.0: it must be above 0"),
        (
            "task_distill",
            ["--dev-split", "gone"],
            "gone.tfrecord: no such file (splits there: dev, test, train)",
        ),
        ("task_distill", ["--dev-split", "test"], "test.tfrecord: other labels than those of the training"),
        ("task_distill", ["--phase", "3"], "invalid choice: 3"),
        ("evaluate", ["--split", "test"], "the labels of this split are not known; score another one"),
    ],
)
def test_wrong_options_of_the_stages_of_a_task(
    tmp_path: Path, stage: str, options: list[str], message: str
) -> None:
    data = write_task(tmp_path / "data", train=40, dev=21, test=3)
    own = {
        "finetune": ["--output", str(tmp_path / "out"), "--from-scratch", str(data / "vocab.txt")],
        "task_distill": ["--output", str(tmp_path / "out"), "--phase", "1", "--from-scratch"],
        "evaluate": [],
    }[stage]
    if stage != "finetune":
        own += ["--teacher" if stage == "task_distill" else "--model", str(_teacher(tmp_path / "teacher"))]
    result = _run(stage, "--data", str(data), *own, *options)
    assert (result.returncode, message in result.stderr) == (2, True), result.stderr
    assert "Traceback" not in result.stderr


def test_cased_dev_records_beside_uncased_ones_are_refused(tmp_path: Path) -> None:
    data = write_task(tmp_path / "data")
    sidecar = data / "dev.tfrecord.json"
    sidecar.write_text(sidecar.read_text().replace('"lower_case": true', '"lower_case": false'))
    places = ["--data", str(data), "--teacher", str(_teacher(tmp_path / "teacher"))]
    output = ["--output", str(tmp_path / "out")]
    result = _run("task_distill", *places, *output, "--phase", "1", "--from-scratch")
    assert (result.returncode, "was made with --cased, the other without" in result.stderr) == (2, True)


def test_a_vocabulary_that_the_records_were_not_made_with_is_refused(tmp_path: Path) -> None:
    data = write_task(tmp_path / "data")
    other = tmp_path / "vocab.txt"
    other.write_bytes((data / "vocab.txt").read_bytes() + b"more\n")
    result = _run(
        "finetune", "--data", str(data), "--output", str(tmp_path / "out"), "--from-scratch", str(other)
    )
    assert (result.returncode, "was made with another vocabulary than" in result.stderr) == (2, True)
