from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tinybert.text.byte_table import KEYS
from tinybert.text.scan import LINES, POSITION, WORDS, character_classes, new_scanned, new_words, scan

pytestmark = pytest.mark.usefixtures("kernels")


def scanned_words(text, room=100):
    """Lists of words, a line each, and which lines are blank, as far as one call goes; the table of words."""
    block = text.encode()
    table, scanned = new_words(room, 10 * room), new_scanned(block)
    scan(np.frombuffer(block, np.uint8), character_classes(), table, scanned)
    starts = table.starts.tolist()
    words = [
        table.content[starts[word] : starts[word + 1]].tobytes().decode()
        for word in scanned.words[: scanned.counts[WORDS]].tolist()
    ]
    ends = [0, *scanned.line_ends[: scanned.counts[LINES]].tolist()]
    read = block.split(b"\n")[: scanned.counts[LINES]]
    assert scanned.counts[POSITION] == sum(len(line) + 1 for line in read)
    lines = [words[start:end] for start, end in pairwise(ends)]
    return lines, scanned.line_is_blank[: scanned.counts[LINES]].tolist(), table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ab  cd\tab", ["ab", "cd", "ab"]),
        ("ab, (cd)!", ["ab", ",", "(", "cd", ")", "!"]),
        ("U.S. it's", ["U.S.", "it's"]),  # a final sigma looks past these
        ("a\x00b\x85c", ["a\x00b\x85c"]),
        ("é日本x、ア", ["é", "日", "本", "x", "、", "ア"]),
        ("\U00020000\U0001f600a\u2003\uff01", ["\U00020000", "\U0001f600a", "\uff01"]),
    ],
)
def test_words(text, words):
    lines, _, _ = scanned_words(f"{text}\n")
    assert lines == [words]


def test_an_ascii_character_has_its_own_number():
    _, _, table = scanned_words("a , é b\n")
    assert table.counts[KEYS] == 128 + 1


def test_blank_lines():
    lines, blank, _ = scanned_words("a\n\n \x1c\u3000\n\u200b\n")
    assert (lines, blank) == ([["a"], [], ["\x1c"], ["\u200b"]], [False, True, True, False])


def test_it_stops_before_a_line_with_too_many_new_words():
    lines, _, _ = scanned_words("aa bb aa\nbb cc dd\naa\n", room=3)
    assert lines == [["aa", "bb", "aa"]]
