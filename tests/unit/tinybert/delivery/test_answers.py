from __future__ import annotations

import json

import numpy as np
import pytest
from tinybert.delivery.answers import answer, softmax
from tinybert.tasks.records import Target

RTE = Target("rte", "classes", ("entailment", "not_entailment"))
STSB = Target("stsb", "score", ())
CLUENER = Target("cluener", "tags", ("O", "B-name", "I-name", "B-book", "I-book"))


def test_softmax_of_large_logits():
    np.testing.assert_allclose(softmax(np.array([1000, 1000 + np.log(3)])), [0.25, 0.75])


def test_class_by_name():
    found = answer(RTE, ("a", "b"), np.log([1, 3], dtype=np.float32))
    assert json.loads(found.as_json()) == {
        "label": "not_entailment",
        "probability": 0.75,
        "probabilities": {"entailment": 0.25, "not_entailment": 0.75},
        "texts": ["a", "b"],
    }
    assert found.as_text() == "not_entailment\t0.7500\ta\tb"


def test_score():
    found = answer(STSB, ("a", "b"), np.array([3.14159], np.float32))
    assert json.loads(found.as_json()) == {"label": 3.1416, "texts": ["a", "b"]}
    assert found.as_text() == "3.1416\ta\tb"


def logits_of(*tags):
    """A row for [CLS], one for each tag, one for [SEP], two of padding; what is no character says B-book."""
    best = [3, *(CLUENER.labels.index(tag) for tag in tags), 3, 3, 3]
    return np.eye(len(CLUENER.labels), dtype=np.float32)[best] * 10


@pytest.mark.parametrize(
    ("text", "tags", "entities"),
    [
        ("见张三了", ("O", "B-name", "I-name", "O"), {"name": {"张三": [[1, 2]]}}),
        ("ab", ("B-name", "B-name"), {"name": {"a": [[0, 0]], "b": [[1, 1]]}}),
        ("aa", ("B-book", "B-book"), {"book": {"a": [[0, 0], [1, 1]]}}),
        ("ab", ("O", "O"), {}),
        ("", (), {}),
    ],
)
def test_entities_as_cluener_has_them(text, tags, entities):
    found = answer(CLUENER, (text,), logits_of(*tags))
    assert found.label == entities
    assert (found.probability is None) == (not text)
    assert found.as_text().startswith(json.dumps(entities, ensure_ascii=False) + "\t")


def test_characters_that_were_cut_off_have_no_tag():
    found = answer(CLUENER, ("abcdef",), logits_of("O", "B-name")[:4])
    assert found.label == {"name": {"b": [[1, 1]]}}


def test_line_feeds_do_not_break_a_line():
    assert answer(RTE, ("a\nb",), np.zeros(2)).as_text().endswith("\ta b")
