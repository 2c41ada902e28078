from __future__ import annotations

import pytest
from tinybert.delivery.description import Description, describe
from tinybert.models.weights import open_model
from tinybert.stages.stage import StageError
from tinybert.tasks.records import Target

from tests.unit.tinybert.small_models import LENGTH, SIZE, SST2, write_small_model


def test_finetuned_model_says_all_by_itself(tmp_path):
    description = describe(open_model(write_small_model(tmp_path / "model", SST2)))
    assert description == Description(SIZE.without_dropout(), SST2, LENGTH, True)
    assert description.outputs == ("logits",)
    assert Description.from_dict(description.to_dict()) == description


def test_task_of_a_converted_classifier(tmp_path):
    saved = open_model(write_small_model(tmp_path / "model", SST2, target=None, classifier_relu=False))
    assert describe(saved, task="rte").target == Target("rte", "classes", ("entailment", "not_entailment"))


def test_encoder(tmp_path):
    saved = open_model(write_small_model(tmp_path / "model", None, lower_case=None, max_seq_length=None))
    description = describe(saved, lower_case=False)
    assert description == Description(SIZE.without_dropout(), None, SIZE.max_position_embeddings, False)
    assert description.outputs == ("hidden", "pooled")
    assert Description.from_dict(description.to_dict()) == description


@pytest.mark.parametrize(
    ("info", "arguments", "message"),
    [
        ({"lower_case": None}, {}, "does not say whether text is lower-cased: give --uncased or --cased"),
        ({}, {"lower_case": False}, "was trained on uncased text"),
        ({"target": None}, {}, "does not say for which task the classifier is: give --task"),
        ({}, {"task": "rte"}, "was fine-tuned for sst2, not for rte"),
        ({"target": None}, {"task": "mnli"}, "its head has 2 outputs, but mnli needs 3"),
        ({"target": Target("poems", "classes", ("0", "1")).to_dict()}, {}, "task 'poems' is none of"),
        ({"target": Target("rte", "classes", ("0", "1", "2")).to_dict()}, {}, "its head has 2 outputs"),
    ],
)
def test_what_a_model_does_not_say(tmp_path, info, arguments, message):
    saved = open_model(write_small_model(tmp_path / "model", SST2, **info))
    with pytest.raises(StageError, match=message):
        describe(saved, **arguments)
