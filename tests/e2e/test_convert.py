"""The job convert, both ways."""

from __future__ import annotations

import json

from tinybert.conversion.tf_checkpoint import write_checkpoint
from tinybert.models.config import ModelConfig

from tests.e2e.conftest import LocalPlace
from tests.unit.tinybert.plain_bert import random_variables
from tests.unit.tinybert.tensorflow_here import needs_tensorflow

MODEL = ModelConfig(6, 4, 1, 2, 8, max_position_embeddings=8)


@needs_tensorflow
def test_a_checkpoint_becomes_a_teacher_and_goes_back(place: LocalPlace):
    bert, out = place.path / "my bert", place.path / "out"
    bert.mkdir()
    write_checkpoint(bert / "model.ckpt-7", random_variables(MODEL.to_dict()))
    (bert / "bert_config.json").write_text(json.dumps(MODEL.to_dict()))
    (bert / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    small = ("needs.disk=1MB", "needs.memory_per_rank=100MB")
    for source, name, checkpoint in ((bert, "teacher", "model.ckpt-7"), (out / "teacher", "google", "false")):
        words = [f"volumes.bert.source={source}", f"volumes.output.source={out}"]
        words += [f"script.parameters.checkpoint={checkpoint}", f"script.parameters.out={name}"]
        place.run_well("convert", *small, *words)
    assert sorted(path.name for path in (out / "teacher").iterdir()) == [
        "config.json",
        "model.safetensors",
        "vocab.txt",
    ]
    data = "data-00000-of-00001"
    assert (out / "google" / f"bert_model.ckpt.{data}").read_bytes() == (
        bert / f"model.ckpt-7.{data}"
    ).read_bytes()
