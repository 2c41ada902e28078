from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tinybert.conversion.bert_config import read_bert_config, write_bert_config
from tinybert.models.config import ModelConfig
from tinybert.stages.stage import StageError

MODEL = ModelConfig(15, 4, 2, 4, 16, max_position_embeddings=16, hidden_dropout_prob=0.2)
VALUES = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "hidden_size": 4,
    "initializer_range": 0.02,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 15,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bert_config.json"


def test_sizes_are_taken_and_the_rest_passed_over(path):
    path.write_text(json.dumps(VALUES))
    assert read_bert_config(path) == MODEL


def test_what_is_written_reads_the_same(path):
    write_bert_config(path, MODEL)
    assert read_bert_config(path) == MODEL
    google = {name: value for name, value in VALUES.items() if name not in ("directionality", "pooler_type")}
    assert json.loads(path.read_text()) == google


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, 'hidden_act is "relu", but the model here has gelu alone'),
        ({"hidden_size": "4"}, 'hidden_size is "4", not a whole number'),
        ({"vocab_size": 15.5}, "vocab_size is 15.5, not a whole number"),
        (
            {"vocab_size": True, "initializer_range": None},
            "vocab_size is true.*; initializer_range is null, not a n",
        ),
        ({"num_attention_heads": 3}, "hidden_size 4 is not divisible by 3 attention heads"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
    ],
)
def test_values_that_cannot_be_used(path, changes, message):
    path.write_text(json.dumps({**VALUES, **changes}))
    with pytest.raises(StageError, match=rf"bert_config\.json: .*{message}"):
        read_bert_config(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{\n "a": 1,\n}', r"bert_config\.json:3:1: not JSON"),
        (b"\xff{}", "not JSON: invalid start byte"),
        (b"[]", "a JSON list, not an object"),
        (b"", "is empty"),
        (b'{"vocab_size": 3}', "lacks: hidden_size, intermediate_size"),
    ],
)
def test_files_that_are_none(path, content, message):
    path.write_bytes(content)
    with pytest.raises(StageError, match=message):
        read_bert_config(path)


def test_a_model_that_google_cannot_build(path):
    with pytest.raises(StageError, match=r"layer_norm_eps is 1e-07, but Google's BERT always has 1e-12"):
        write_bert_config(path, replace(MODEL, layer_norm_eps=1e-7))
    assert not path.exists()
