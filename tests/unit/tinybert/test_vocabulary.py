from __future__ import annotations

from collections import Counter

import pytest
from tinybert.stages.stage import run_stage
from tinybert.text.tokenization import SPECIAL_TOKENS, UNK, Tokenizer, load_vocabulary
from tinybert.vocabulary import count_tokens, learn_vocabulary, main

LINES = [
    "The unaffable waiter waited, waiting for water.",
    "Affable waiters wait; the water waits.",
    "日本語 é Ü \ue000 [MASK] a\u200bb",
]


def learn(lines=LINES, size=500, lower_case=True):
    return learn_vocabulary(count_tokens(lines, lower_case), size)


def run(*arguments):
    return run_stage(lambda: main(list(map(str, arguments))))


def test_special_tokens_come_first():
    vocabulary = learn()
    assert tuple(vocabulary[:5]) == SPECIAL_TOKENS
    assert len(set(vocabulary)) == len(vocabulary)


def test_frequent_pieces_are_learned():
    assert {"wait", "##ff", "the", "water"} <= set(learn(LINES * 5))


@pytest.mark.parametrize("lower_case", [True, False])
def test_no_token_of_the_corpus_is_unknown(tmp_path, lower_case):
    (tmp_path / "v").write_text("".join(f"{token}\n" for token in learn(lower_case=lower_case)))
    vocabulary = load_vocabulary(tmp_path / "v")
    tokenizer = Tokenizer(vocabulary, lower_case)
    assert not any(vocabulary.ids[UNK] in tokenizer.tokenize(line) for line in LINES)


def test_cased_keeps_capitals():
    assert "T" in learn(lower_case=False)
    assert "T" not in learn(lower_case=True)


def test_every_run_gives_the_same():
    """Ties between pairs were broken by the order of a hash map, other in each run."""
    lines = [" ".join(f"{a}{b}{c}" for a in "abcdefg" for b in "hijklmn" for c in "opqrstu")] * 2
    assert len({tuple(learn(lines, size=120)) for _ in range(20)}) == 1


def test_rare_characters_yield_to_pieces(capsys):
    tokens = Counter({chr(0x4E00 + number): 100 - number for number in range(90)})
    vocabulary = learn_vocabulary(tokens + Counter({"water": 500, "wait": 400}), size=100)
    assert len(vocabulary) <= 100
    assert {chr(0x4E00), "water"} <= set(vocabulary)
    assert chr(0x4E00 + 89) not in vocabulary
    assert "rare characters (" in capsys.readouterr().err


def test_many_words_are_counted_in_parts(monkeypatch):
    whole = count_tokens(LINES * 3, True)
    monkeypatch.setattr("tinybert.vocabulary._MOST_WORDS", 5)
    assert count_tokens(LINES * 3, True) == whole
    assert whole["wait"] == 3
    assert whole["ab"] == 3


def test_frequent_token_counts_in_full(monkeypatch):
    tokens = Counter({"ab": 7, "cd": 5, "abe": 2})
    whole = learn_vocabulary(tokens, 100)
    monkeypatch.setattr("tinybert.vocabulary._MOST_REPETITIONS", 2)
    assert learn_vocabulary(tokens, 100) == whole


def test_command(tmp_path, capsys):
    (tmp_path / "c.txt").write_text("\n".join(LINES))
    arguments = ["--corpus", tmp_path / "c.txt", "--size", 300, "--out", tmp_path / "v.txt"]
    assert run(*arguments) == 0
    size = load_vocabulary(tmp_path / "v.txt").size
    assert f"no more pieces than {size}, although --size is 300" in capsys.readouterr().err
    before = (tmp_path / "v.txt").read_bytes()
    assert run(*arguments) == 0
    assert "v.txt is up to date" in capsys.readouterr().err
    assert run(*arguments, "--cased") == 0
    assert (tmp_path / "v.txt").read_bytes() != before


def test_size_is_not_exceeded(tmp_path):
    (tmp_path / "c.txt").write_text("\n".join(LINES))
    assert run("--corpus", tmp_path / "c.txt", "--size", 100, "--out", tmp_path / "v.txt") == 0
    assert load_vocabulary(tmp_path / "v.txt").size <= 100


def test_corpus_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("\n".join(LINES))
    (tmp_path / "b.txt").write_text("\n".join(LINES))
    assert run("--corpus", tmp_path / "?.txt", "--size", 100, "--out", tmp_path / "b.txt") == 2
    assert "b.txt is the corpus itself" in capsys.readouterr().err
    assert (tmp_path / "b.txt").read_text() == "\n".join(LINES)


def test_corpus_without_text(tmp_path, capsys):
    (tmp_path / "c.txt").write_text("\n\u200b\n")
    assert run("--corpus", tmp_path / "c.txt", "--size", 100, "--out", tmp_path / "v.txt") == 2
    assert "the corpus holds no text" in capsys.readouterr().err
    assert not (tmp_path / "v.txt").exists()
