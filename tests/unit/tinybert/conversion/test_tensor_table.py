from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tinybert.conversion.tensor_table import (
    classes_of,
    heads_of,
    of_optimiser,
    sizes_of,
    table,
    without_optimiser,
)
from tinybert.models.config import ModelConfig

SIZE = ModelConfig(50, 6, 2, 3, 20, max_position_embeddings=16)
PRETRAINED = ("masked_lm", "next_sentence")


def google_shapes(model=SIZE, heads=PRETRAINED, classes=0):
    return {row.google: row.google_shape for row in table(model, heads, classes)}


def test_bert_base_as_it_was_published():
    rows = table(ModelConfig(30522, 768, 12, 12, 3072), PRETRAINED, 0)
    assert len(rows) == 206
    assert sum(row.transposed for row in rows) == 74
    assert sum(int(np.prod(row.google_shape)) for row in rows) == 110_106_428
    assert len({row.google for row in rows}) == len({row.here for row in rows}) == 206


@pytest.mark.mindspore
def test_tensors_are_those_of_the_model():
    from tinybert.models.bert import BertForPreTraining

    parameters = BertForPreTraining(SIZE).parameters_and_names()
    rows = table(SIZE, PRETRAINED, 0)
    assert {row.here: row.shape_here for row in rows} == {name: each.shape for name, each in parameters}


def test_kernels_are_turned_and_nothing_else():
    for row in table(SIZE, (*PRETRAINED, "classifier", "answer_span"), 3):
        assert row.transposed == row.google.endswith("/kernel"), row.google
        array = np.arange(np.prod(row.google_shape), dtype=np.float32).reshape(row.google_shape)
        turned = row.turn(array)
        assert turned.shape == row.shape_here
        assert turned.flags.c_contiguous
        assert np.array_equal(turned, array.T if row.transposed else array)
        assert np.array_equal(row.turn(turned), array)


@pytest.mark.parametrize("side", ["google", "here"])
def test_heads_are_known_by_either_name(side):
    names = {getattr(row, side): row.google_shape for row in table(SIZE, PRETRAINED, 0)}
    assert heads_of(names) == PRETRAINED
    assert classes_of(names) == 0
    tuned = {getattr(row, side): row.google_shape for row in table(SIZE, ("classifier",), 5)}
    assert heads_of(tuned) == ("classifier",)
    assert classes_of(tuned) == 5
    assert heads_of({"output_bias": (5,)}) == heads_of({"classifier.bias": (5,)}) == ("classifier",)


def test_sizes_are_read_from_the_variables():
    sizes = sizes_of(google_shapes())
    assert {"num_attention_heads": 3, **sizes} == {
        name: getattr(SIZE, name) for name in (*sizes, "num_attention_heads")
    }
    assert len(sizes) == 6
    assert sizes_of({"global_step": (), "bert/embeddings/word_embeddings": (7,)}) == {"vocab_size": 7}


def test_variables_of_the_optimiser():
    names = ["global_step", "beta1_power", "output_bias", "bert/pooler/dense/bias", "a/adam_map", "adam_m"]
    names += [f"output_bias/{slot}" for slot in ("adam_m", "adam_v", "Adam", "Adam_1")]
    names += ["bert/pooler/dense/bias/adam_m"]
    expected = {"adam_m": 2, "adam_v": 1, "Adam": 1, "Adam_1": 1, "beta1_power": 1, "global_step": 1}
    assert of_optimiser(names) == Counter(expected)
    kept = without_optimiser(dict.fromkeys(names, (1,)))
    assert list(kept) == ["output_bias", "bert/pooler/dense/bias", "a/adam_map", "adam_m"]
