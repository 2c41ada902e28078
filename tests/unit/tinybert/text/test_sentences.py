from __future__ import annotations

import pytest
from tinybert.text.sentences import split_sentences


@pytest.mark.parametrize(
    ("language", "text", "sentences"),
    [
        ("en", "It rains. Dr. Smith stays in. so do I!", ["It rains.", "Dr. Smith stays in.", "so do I!"]),
        ("ja", "今日は雨だ。明日は？晴れ！", ["今日は雨だ。", "明日は？", "晴れ！"]),
        ("vi", "Đây là câu một. Đây là câu hai.", ["Đây là câu một.", "Đây là câu hai."]),
        ("hi", "यह पहला है। यह दूसरा है।", ["यह पहला है।", "यह दूसरा है।"]),
        ("tlh", "One is here. Two is there.", ["One is here.", "Two is there."]),  # not in the library
        ("en", " Two\t spaces\r\nand lines. ", ["Two spaces and lines."]),
        ("en", " \n ", []),
    ],
)
def test_sentences(language, text, sentences):
    assert split_sentences(text, language) == sentences
