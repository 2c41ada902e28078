"""Records and small models for the tests of training."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from tinybert import export
from tinybert.models.config import ModelConfig
from tinybert.records.tfrecord import encode_example, write_record
from tinybert.stages.rank import Rank, start

from tests.unit.tinybert.small_models import SST2, write_small_model

VOCAB_SIZE = 50
RecordWriter = Callable[..., Path]


def example(number: int, length: int = 8, predictions: int = 2) -> dict[str, list]:
    """One pretraining record; its first token is its number, the last two are padding."""
    draw = random.Random(number)
    real = length - 2
    return {
        "input_ids": [number, *(draw.randrange(VOCAB_SIZE) for _ in range(real - 1)), 0, 0],
        "input_mask": [1] * real + [0, 0],
        "segment_ids": [0] * (real // 2) + [1] * (real - real // 2) + [0, 0],
        "masked_lm_positions": list(range(1, predictions + 1)),
        "masked_lm_ids": [draw.randrange(VOCAB_SIZE) for _ in range(predictions)],
        "masked_lm_weights": [1.0] + [float(draw.randrange(2)) for _ in range(predictions - 1)],
        "next_sentence_labels": [draw.randrange(2)],
    }


@pytest.fixture
def write_records(tmp_path: Path) -> RecordWriter:
    """Write examples (by default number 0 to 39) to files of `tmp_path`/data, one after the other."""

    def write(name: str = "a.tfrecord", examples: list[dict] | None = None) -> Path:
        directory = tmp_path / "data"
        directory.mkdir(exist_ok=True)
        with (directory / name).open("wb") as file:
            for record in examples or [example(number) for number in range(40)]:
                write_record(file, encode_example(record))
        return directory

    return write


@pytest.fixture(scope="session")
def kernels() -> None:
    """Compiled functions are there: in a clean checkout one of pytest's workers compiles, the others wait."""
    from tinybert.pretraining_data import make_sample
    from tinybert.text.compiled import compile_once

    compile_once(make_sample)


@pytest.fixture(scope="session")
def student_size() -> ModelConfig:
    """A student of 2 layers."""
    return ModelConfig(VOCAB_SIZE, 8, 1, 2, 16, max_position_embeddings=16).without_dropout()


@pytest.fixture(scope="session")
def teacher_size() -> ModelConfig:
    """Its teacher, of twice the layers and width."""
    return ModelConfig(VOCAB_SIZE, 16, 2, 2, 32, max_position_embeddings=16).without_dropout()


@pytest.fixture(autouse=True)
def _mindspore(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start MindSpore as the stages do, before a test uses it: later its device cannot be chosen any more."""
    if request.node.get_closest_marker("mindspore"):
        _set_environment(monkeypatch)
        start(Rank(), seed=1)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One rank whatever surrounds the tests, with its log in `tmp_path`."""
    for name in ("RANK_ID", "RANK_SIZE", "DEVICE_ID", "RANK_TABLE_FILE", "MS_ROLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LAUNCHER_LOG_DIR", str(tmp_path / "LOG0"))


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small model of SST-2: its `checkpoint`, and as `mindir` and `onnx` (3 rows of 12 tokens)."""
    place = tmp_path_factory.mktemp("it's $HOME (small)")  # MindSpore's own rule for names forbids these
    made = {"checkpoint": write_small_model(place / "checkpoint", SST2)}
    with pytest.MonkeyPatch.context() as patch:
        _set_environment(patch)
        for form, more in (("mindir", []), ("onnx", ["--batch-size=3"])):
            made[form] = place / form
            places = [f"--model={made['checkpoint']}", f"--out={made[form]}"]
            export.main([*places, f"--format={form}", "--device=cpu", *more])
    return made


def _set_environment(patch: pytest.MonkeyPatch) -> None:
    """What start() would set and leave behind for the tests after this one."""
    values = {
        "MS_CPU_COMM_OP_TIMEOUT": "600",
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",
        "GLOG_v": "3",
    }
    for name, value in values.items():
        patch.setenv(name, value)
