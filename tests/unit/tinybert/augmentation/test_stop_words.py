from __future__ import annotations

import pytest
from tinybert.augmentation.stop_words import ENGLISH, load_stop_words
from tinybert.stages.stage import StageError


def test_english_words_are_those_of_closed_classes():
    assert {"the", "they", "must", "before", "because", "very", "don", "t", "not"} <= ENGLISH
    assert not {"film", "good", "paris", "like", "make", "one"} & ENGLISH
    assert all(word.isalpha() and word.islower() and word.isascii() for word in ENGLISH)


def test_words_of_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("The\r\n\n的\n  of \n")
    assert load_stop_words(path) == {"the", "的", "of"}


def test_several_words_on_a_line(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("the\nof the\n")
    with pytest.raises(StageError, match=r"words\.txt:2: 'of the' is more than one word"):
        load_stop_words(path)
    with pytest.raises(StageError, match=r"list of stop words .* does not exist"):
        load_stop_words(tmp_path / "none")
