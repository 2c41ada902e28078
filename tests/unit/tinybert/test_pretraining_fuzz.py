"""Record for record against an oracle in plain Python, on texts made of what goes wrong."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tinybert.records.encoding import RecordWriter
from tinybert.records.instances import InstanceOptions, make_instances
from tinybert.records.tfrecord import decode_example, encode_example, read_records
from tinybert.text.flat_corpus import CorpusReader, blocks_of
from tinybert.text.tokenization import SPECIAL_TOKENS, load_vocabulary

from tests.unit.tinybert.plain_pretraining import plain_records

pytestmark = pytest.mark.usefixtures("kernels")

HOW = InstanceOptions(32, 5, 0.15, 0.1, 3, False)
LETTERS = "abcdeABC.,'-:^_[]#0"
STRANGE = [
    *"éÉ\u0301ΑΣσςİßñ日本語ァーアガ、。「・！ａ한글क्षि",
    *"\x00\x01\x0b\x0c\x1c\x1f\x7f\x85\u00a0\u00ad\u1680\u2003\u2028\u2029\u200b\u200d\u202f\u205f\u3000",
    *"\ufffd\ufeff\ue000\uf8ff\u166d’‘·…–\u2fff\u9fff\ua000\uffff",
    *"\U0001f600\U00020000\U0002a6df\U0002a6e0\U0002b81e\U0002b820\U0002ceaf\U0002ceb0\U0002f800\U00010400",
]
PIECES = ["a", "b", "ab", "abc", "##a", "##b", "##bc", "##c", "c", "d", "##d", "e", "##e", "##é", "é"]
PIECES += [
    "A",
    "B",
    "##A",
    "C",
    "σ",
    "ς",
    "##σ",
    "##ς",
    "α",
    "##α",
    "日",
    "本",
    "ア",
    "##ア",
    "##ー",
    "、",
    "。",
    "0",
]
PIECES += [".", ",", "'", "-", "[", "]", "#", "##", "\u2028", "##\u2028", "a", "[SEP]x", "한", "##a#"]
PIECES += ["\U0002b820", "\U0001f600", "’", "…", "##·", "·"]
BLANK = ["", " ", "\t", "\x1c", "\x0b\x85", "\u3000", "\u2028", "\r", " \r "]
TOKENLESS = ["\u200b", "\ufffd", "\ufeff\x00"]


def word(rng):
    letters = rng.choices(LETTERS, k=rng.choice([1, 2, 3, 4, 8]))
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
        letters.insert(rng.randrange(len(letters) + 1), rng.choice(STRANGE))
    if rng.random() < 0.005:
        letters = rng.choice([["a"] * 200, ["a"] * 201, ["é"] * 200, ["é"] * 201, ["a.", *["b"] * 300]])
    return "".join(letters)


def line(rng):
    text = rng.choice([" ", "  ", "\t", "\u3000", "\u2028", "\r", " \r"]).join(
        word(rng) for _ in range(rng.choice([1, 2, 5, 9, 30]))
    )
    return text[: rng.randrange(len(text))] + "\r" + text if rng.random() < 0.05 else text


def text(rng, documents):
    lines = []
    for _ in range(documents):
        lines += [line(rng) for _ in range(rng.choice([1, 1, 2, 5, 20]))]
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(TOKENLESS))
        lines += rng.choices(BLANK, k=rng.choice([1, 1, 2]))
    return "\n".join(lines) + rng.choice(["", "\n", "\n\r", "\n\n"])


def write_corpus(directory, seed, documents=12, files=3):
    rng = random.Random(seed)
    paths = [directory / f"{number}.txt" for number in range(files)]
    for path in paths:
        path.write_bytes(text(rng, documents).encode())
    return paths


def write_vocabulary(directory, tokens):
    path = directory / "vocab.txt"
    path.write_bytes("\n".join([*SPECIAL_TOKENS, *tokens]).encode())
    return path


def compare(directory, paths, vocabulary_path, how, seed=1, cased=False):
    """Parsed records are the oracle's, bytes those of `encode_example`, sums right."""
    vocabulary = load_vocabulary(vocabulary_path)
    corpus, _ = CorpusReader(vocabulary, not cased).read(blocks_of(paths))
    instances, order = make_instances(corpus, vocabulary, how, seed)
    with (directory / "out").open("wb") as file:
        RecordWriter(corpus, instances, vocabulary, how).write(file, order)
    records = list(read_records(directory / "out"))
    expected = plain_records(paths, vocabulary_path, how, seed, not cased)
    assert [decode_example(record) for record in records] == expected
    assert records == [encode_example(features) for features in expected]
    return expected


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cased", [False, True])
@pytest.mark.parametrize("whole_words", [False, True])
def test_strange_texts(tmp_path, seed, cased, whole_words):
    paths = write_corpus(tmp_path, seed)
    vocabulary = write_vocabulary(tmp_path, PIECES)
    how = replace(HOW, whole_word_mask=whole_words)
    assert len(compare(tmp_path, paths, vocabulary, how, seed, cased)) > 50


@pytest.mark.parametrize(
    "changes",
    [
        {"max_seq_length": 5, "max_predictions_per_seq": 1},
        {"max_seq_length": 600, "max_predictions_per_seq": 90},
        {"masked_lm_prob": 0.0},
        {"masked_lm_prob": 0.0, "whole_word_mask": True},
        {"masked_lm_prob": 1.0, "max_predictions_per_seq": 40},
        {"masked_lm_prob": 0.5, "max_predictions_per_seq": 40},
        {"short_seq_prob": 1.0},
        {"short_seq_prob": 0.0, "dupe_factor": 1},
    ],
)
def test_arguments(tmp_path, changes):
    paths = write_corpus(tmp_path, 100)
    compare(tmp_path, paths, write_vocabulary(tmp_path, PIECES), replace(HOW, **changes))


@pytest.mark.parametrize("content", ["ab cd", "ab\ncd\n", "ab\n\n\ncd", "a\n" * 40])
def test_one_document_or_two(tmp_path, content):
    (tmp_path / "f").write_text(content)
    for seed in range(5):
        compare(tmp_path, [tmp_path / "f"], write_vocabulary(tmp_path, PIECES), HOW, seed)


def test_vocabulary_beyond_65535(tmp_path):
    rng = random.Random(3)
    words = [f"w{number}" for number in range(70_000)]
    vocabulary = write_vocabulary(tmp_path, words)
    (tmp_path / "f").write_text(
        "\n".join(" ".join(rng.choices(words, k=9)) + "\n" * (at % 4 == 0) for at in range(200))
    )
    expected = compare(tmp_path, [tmp_path / "f"], vocabulary, HOW)
    assert max(max(features["input_ids"]) for features in expected) > 65_535


def test_b_that_begins_within_a_word_joins_the_last_word_of_a(tmp_path):
    (tmp_path / "f").write_text("a\n##a\n\nab\n##b\n")
    vocabulary = write_vocabulary(tmp_path, ["a", "b", "#", "##a", "##b"])
    compare(tmp_path, [tmp_path / "f"], vocabulary, replace(HOW, whole_word_mask=True, dupe_factor=20))
