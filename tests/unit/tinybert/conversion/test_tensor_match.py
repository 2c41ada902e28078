from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tinybert.conversion.tensor_match import rows_of_checkpoint, rows_of_model
from tinybert.conversion.tensor_table import table
from tinybert.models.config import ModelConfig
from tinybert.stages.stage import StageError

SIZE = ModelConfig(50, 6, 2, 3, 20, max_position_embeddings=16)
PREFIX, CONFIG = Path("bert/bert_model.ckpt"), Path("bert/bert_config.json")


@pytest.fixture
def shapes():
    return {row.google: row.google_shape for row in table(SIZE, ("masked_lm", "next_sentence"), 0)}


def match(shapes, model=SIZE, types=None):
    return rows_of_checkpoint(
        PREFIX, shapes, {**dict.fromkeys(shapes, "float32"), **(types or {})}, model, CONFIG
    )


def test_every_variable_has_its_row(shapes):
    assert {row.google for row in match({**shapes, "global_step": (), "output_bias/adam_m": (2,)})} == set(
        shapes
    )
    tuned = {name: shape for name, shape in shapes.items() if not name.startswith("cls/")}
    tuned |= {"output_weights": (5, 6), "output_bias": (5,)}
    assert {row.google for row in match(tuned)} == set(tuned)


def test_variables_that_do_not_fit_are_all_named(shapes):
    del shapes["bert/encoder/layer_1/attention/self/key/bias"], shapes["cls/seq_relationship/output_bias"]
    shapes |= {"loss/temperature": (), "bert/pooler/dense/kernel": (6, 7), "output_weights": (3, 6)}
    with pytest.raises(StageError, match=r"bert_model\.ckpt is not a BERT of Google's") as error:
        match(shapes)
    assert str(error.value).splitlines()[1:] == [
        "  missing: bert/encoder/layer_1/attention/self/key/bias [6]",
        "  missing: cls/seq_relationship/output_bias [2]",
        "  missing: output_bias [3]",
        "  unexpected: loss/temperature []",
        "  wrong shape: bert/pooler/dense/kernel is [6, 7], the model has [6, 6]",
    ]


def test_a_layer_that_is_missing(shapes):
    gap = {name.replace("layer_1", "layer_9"): shape for name, shape in shapes.items()}
    with pytest.raises(StageError, match=r"missing: bert/encoder/layer_1/.*(\n.*)*and 108 more"):
        match(gap, replace(SIZE, num_hidden_layers=10))


def test_sizes_that_differ_from_the_configuration(shapes):
    other = ModelConfig(51, 9, 3, 3, 21, max_position_embeddings=32, type_vocab_size=3)
    with pytest.raises(StageError, match=r"bert_config\.json is not the configuration of bert") as error:
        match(shapes, other)
    assert str(error.value).splitlines()[1:] == [
        "  vocab_size is 50 in the checkpoint, 51 in bert_config.json",
        "  hidden_size is 6 in the checkpoint, 9 in bert_config.json",
        "  max_position_embeddings is 16 in the checkpoint, 32 in bert_config.json",
        "  type_vocab_size is 2 in the checkpoint, 3 in bert_config.json",
        "  intermediate_size is 20 in the checkpoint, 21 in bert_config.json",
        "  num_hidden_layers is 2 in the checkpoint, 3 in bert_config.json",
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["_CHECKPOINTABLE_OBJECT_GRAPH", "model/x/.ATTRIBUTES/VARIABLE_VALUE"], "object-based checkpoint"),
        (["albert/encoder/kernel", "global_step"], "not a BERT of Google's.*but:\n  albert/encoder/kernel$"),
        (["global_step"], "not a BERT of Google's"),
    ],
)
def test_other_programs_checkpoints(names, message):
    with pytest.raises(StageError, match=message):
        match(dict.fromkeys(names, ()))


def test_half_precision_is_refused(shapes):
    with pytest.raises(StageError, match=r"must be float32:\n  bert/pooler/dense/bias is float16$"):
        match(shapes, types={"bert/pooler/dense/bias": "float16"})


def test_models_that_google_has_no_name_for():
    shapes = {row.here: row.shape_here for row in table(SIZE, (), 0)}
    assert {row.here for row in rows_of_model(Path("m"), shapes, SIZE)} == set(shapes)
    with pytest.raises(StageError, match=r"m has no counterpart.*:\n  unexpected: fit_dense\.bias \[6\]$"):
        rows_of_model(Path("m"), {**shapes, "fit_dense.bias": (6,)}, SIZE)
