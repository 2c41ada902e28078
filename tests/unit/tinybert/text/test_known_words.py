from __future__ import annotations

import random

import pytest
from tinybert.text.byte_table import KEYS, enter_all
from tinybert.text.known_words import KnownWords
from tinybert.text.tokenization import Tokenizer, Vocabulary, load_vocabulary

from tests.unit.tinybert.test_pretraining_fuzz import PIECES, word, write_vocabulary

pytestmark = pytest.mark.usefixtures("kernels")


@pytest.fixture
def vocabulary(tmp_path, monkeypatch) -> Vocabulary:
    monkeypatch.setattr("tinybert.text.known_words._WORDS", 1000)  # so that tests are quick
    return load_vocabulary(write_vocabulary(tmp_path, PIECES))


def tokens_of(known):
    return [known.tokens[start:end].tolist() for start, end in known.ranges.tolist()]


@pytest.mark.parametrize("lower_case", [False, True])
def test_words_are_cut_as_the_tokenizer_cuts_them(vocabulary, lower_case):
    """Those of ASCII too, which compiled code cuts; new ones are added to those that are known."""
    rng, known = random.Random(1), KnownWords(vocabulary, lower_case)
    texts = [chr(point) for point in range(128)]
    for _ in range(3):
        more = sorted({word(rng) for _ in range(300)} - set(texts))
        enter_all(known.table, [each.encode() for each in more])
        known.learn()
        texts += more
    tokenizer = Tokenizer(vocabulary, lower_case)
    assert known.table.counts[KEYS] == len(texts)
    assert tokens_of(known)[: len(texts)] == [tokenizer.tokenize(text) for text in texts]


@pytest.mark.parametrize(("length", "tokens"), [(200, 200), (201, 1)])
def test_a_word_of_more_than_200_characters_is_unknown(vocabulary, length, tokens):
    known = KnownWords(vocabulary, True)
    enter_all(known.table, [b"a" * length, b"x." + b"a" * length])
    known.learn()
    first, second = tokens_of(known)[128:130]
    assert (len(first), len(second)) == (tokens, 2 + tokens)


def test_forgotten_words_leave_room_and_more_of_it_on_request(vocabulary):
    known = KnownWords(vocabulary, True)
    room = len(known.table.starts)
    enter_all(known.table, [b"ab", "é".encode()])
    known.learn()
    known.forget()
    assert (known.table.counts[KEYS], len(known.table.starts)) == (128, room)
    known.forget(larger=True)
    assert len(known.table.starts) - 129 == 2 * (room - 129)


def test_words_of_more_tokens_than_bytes_find_room(vocabulary, monkeypatch):
    """Nothing promises that decomposed characters are not more tokens than bytes."""
    known = KnownWords(vocabulary, True)
    monkeypatch.setattr(known._tokenizer, "tokenize", lambda text: [7] * 10**4)
    texts = [f"é{number}" for number in range(5)]
    enter_all(known.table, [text.encode() for text in texts])
    known.learn()
    assert tokens_of(known)[128:133] == [[7] * 10**4] * 5
    enter_all(known.table, [b"ab"])
    known.learn()
    assert tokens_of(known)[133] == [vocabulary.ids["ab"]]
