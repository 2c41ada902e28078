from __future__ import annotations

from pathlib import Path

import pytest
from tinybert.models.vocabulary import check_same_text, vocabulary_path
from tinybert.models.weights import open_model
from tinybert.stages.stage import StageError

from tests.unit.tinybert.small_models import SST2, vocabulary, write_small_model


def test_vocabulary_beside_the_model_or_given(tmp_path):
    saved = open_model(write_small_model(tmp_path / "model", SST2))
    beside = tmp_path / "model" / "vocab.txt"
    assert vocabulary_path(saved) == beside
    given = beside.rename(tmp_path / "given.txt")
    assert vocabulary_path(saved, given) == given
    with pytest.raises(
        StageError, match=r"vocab\.txt is missing: give the vocabulary of this model by --vocab"
    ):
        vocabulary_path(saved)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (vocabulary() + b"more\n", "has 51 tokens, but .* has 50"),
        (vocabulary().replace(b"good", b"bood"), "is not the vocabulary that .* was trained with"),
    ],
)
def test_another_vocabulary(tmp_path, content, message):
    saved = open_model(write_small_model(tmp_path / "model", SST2))
    (tmp_path / "model" / "vocab.txt").write_bytes(content)
    with pytest.raises(StageError, match=message):
        vocabulary_path(saved)


@pytest.mark.parametrize(
    ("vocab_sha256", "lower_case", "message"),
    [
        ("cd", True, "data was made with another vocabulary than .*model: make the data again"),
        ("ab", False, "model was trained on uncased text, but data is cased: --cased must be as for"),
        (None, False, "but data is cased"),
    ],
)
def test_other_text(tmp_path, vocab_sha256, lower_case, message):
    saved = open_model(write_small_model(tmp_path / "model", SST2, vocab_sha256="ab"))
    with pytest.raises(StageError, match=message):
        check_same_text(saved, vocab_sha256, lower_case, Path("data"))


@pytest.mark.parametrize("said", [("ab", True), ("ab", None), (None, True), (None, None)])
@pytest.mark.parametrize("info", [{}, {"lower_case": None}, {"vocab_sha256": None}])
def test_the_same_text_or_text_that_nothing_is_known_of(tmp_path, said, info):
    saved = open_model(write_small_model(tmp_path / "model", SST2, **{"vocab_sha256": "ab", **info}))
    check_same_text(saved, *said, Path("data"))
