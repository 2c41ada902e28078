"""Augmentation as a job of the launcher on two ranks, with the network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tinybert.models.config import ModelConfig
from tinybert.models.weights import write_model

from tests.e2e.conftest import LocalPlace
from tests.place import REPOSITORY

pytestmark = pytest.mark.mindspore
JOBS = REPOSITORY / "jobs"
WORDS = ["good", "bad", "old", "new", "film", "show", "plot", "cast"]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s", "the"]
ROWS = [
    f"the {WORDS[number % 4]} {WORDS[4 + number // 4 % 4]} {number}\t{number % 2}" for number in range(1500)
]


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """What the job's volumes hold, by their names: a teacher that knows nothing, rows of two parts."""
    import mindspore
    from tinybert.models.bert import BertForPreTraining

    mindspore.set_seed(1)  # how many words a teacher proposes depends on its weights
    size = ModelConfig(len(TOKENS), 8, 1, 2, 16, max_position_embeddings=32, initializer_range=0.5)
    tensors = {name: value.asnumpy() for name, value in BertForPreTraining(size).parameters_and_names()}
    write_model(tmp_path / "teacher", {"model.safetensors": tensors}, {"model": size.to_dict()})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.tsv").write_text("\n".join(["sentence\tlabel", *ROWS]) + "\n")
    (tmp_path / "teacher" / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    return {name: tmp_path / name for name in ("data", "teacher", "output")}


def test_two_ranks_augment_what_one_process_does(place: LocalPlace, inputs: dict[str, Path], tmp_path: Path):
    volumes = [f"volumes.{name}.source={path}" for name, path in inputs.items()]
    small = ("needs.disk=1MB", "needs.memory_per_rank=1MB")
    place.run_well("augment", "ranks=2", *small, *volumes, "script.parameters.candidates=3")
    made = (inputs["output"] / "train.tsv").read_text().splitlines()
    assert [line for line in made if line in set(ROWS)] == ROWS
    assert len(made) > 4000
    assert made[0] == "sentence\tlabel"

    alone = [sys.executable, "-m", "tinybert.augment", "--task=sst2", "--candidates=3", "--device=cpu"]
    places = {"data": inputs["data"], "teacher": inputs["teacher"], "out": tmp_path / "alone"}
    alone += [f"--{name}={path}" for name, path in places.items()]
    subprocess.run(alone, env={"PYTHONPATH": str(JOBS)}, timeout=240, check=True)
    assert (tmp_path / "alone" / "train.tsv").read_text().splitlines() == made
