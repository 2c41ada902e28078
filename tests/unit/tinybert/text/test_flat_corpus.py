from __future__ import annotations

import itertools

import pytest
from tinybert.stages.stage import StageError
from tinybert.text import flat_corpus, known_words
from tinybert.text.flat_corpus import CorpusReader, blocks_of, say_counts
from tinybert.text.tokenization import SPECIAL_TOKENS, Vocabulary

pytestmark = pytest.mark.usefixtures("kernels")

A, B, C = 5, 6, 7
VOCABULARY = Vocabulary(
    ids={token: index for index, token in enumerate([*SPECIAL_TOKENS, "a", "b", "c", "##b"])}, size=9
)


def read(tmp_path, *contents):
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_bytes(content.encode())
    corpus, _ = CorpusReader(VOCABULARY, True).read(blocks_of(paths))
    tokens, segments = corpus.tokens.tolist(), corpus.segments.tolist()
    sentences = [tokens[start:end] for start, end in itertools.pairwise(segments)]
    return [sentences[start:end] for start, end in itertools.pairwise(corpus.documents.tolist())]


@pytest.mark.parametrize("blank", ["", " \t", "\r", "\u3000", "\x1c", "\x0b", "\x85", "\u2028", "\xa0"])
def test_line_that_strip_empties_ends_a_document(tmp_path, blank):
    assert read(tmp_path, f"a\n{blank}\nb\n") == [[[A]], [[B]]]


@pytest.mark.parametrize("tokenless", ["\u200b", "\ufffd", "\ufeff", "\x00", "\u00ad"])
def test_line_without_tokens_that_is_not_blank_ends_none(tmp_path, tokenless):
    assert read(tmp_path, f"a\n{tokenless}\nb\n") == [[[A], [B]]]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\r"])
def test_documents_run_on_from_file_to_file(tmp_path, end):
    assert read(tmp_path, f"a{end}", "b\n\nc") == [[[A], [B]], [[C]]]


def test_carriage_return_is_deleted_within_a_line(tmp_path):
    assert read(tmp_path, "a\rb\r\n\r\nc") == [[[A, 8]], [[C]]]


WORDS = ["a", "b", "ab", "日", "ασ", "ας", "α", ".", ",", "##b"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A日B日AB", ["a", "日", "b", "日", "ab"]),  # ASCII cut out of a mixed word is lower-cased too
        ("a\u2028b\u2029a", ["a", "b", "a"]),
        ("a\x00b a\x0bb a\x1cb a\x85b a\u200bb a\ufffdb", ["ab"] * 6),
        ("ΑΣ.Α", ["ασ", ".", "α"]),  # the final sigma looks past "."
        ("ΑΣ,Α", ["ας", ",", "α"]),
    ],
)
def test_words_that_a_cut_at_the_wrong_moment_would_change(text, tokens):
    vocabulary = Vocabulary({token: at for at, token in enumerate([*SPECIAL_TOKENS, *WORDS])}, 15)
    corpus, _ = CorpusReader(vocabulary, True).read([f"{text}\n".encode()])
    assert corpus.tokens.tolist() == [vocabulary.ids[token] for token in tokens]


def test_blank_lines_make_no_documents(tmp_path):
    assert read(tmp_path, "\n\n\na\n\n\n\nb\n\n\n") == [[[A]], [[B]]]


def test_counts(tmp_path, capsys):
    (tmp_path / "f").write_text("a b\nzz\n\nc")
    _, counts = CorpusReader(VOCABULARY, True).read(blocks_of([tmp_path / "f"]))
    assert counts == {"documents": 2, "sentences": 3, "tokens": 4, "unknown_tokens": 1}
    say_counts(counts)
    assert "read 2 documents, 3 sentences, 4 tokens" in capsys.readouterr().err


def test_corpus_without_text_is_an_error():
    with pytest.raises(StageError, match="no text"):
        say_counts(CorpusReader(VOCABULARY, True).read([b"\n \n"])[1])


def test_single_document_is_warned_of(capsys):
    say_counts(CorpusReader(VOCABULARY, True).read([b"a\n"])[1])
    assert "warning: a single document" in capsys.readouterr().err


def test_line_with_more_words_than_are_remembered_at_once(monkeypatch):
    monkeypatch.setattr(known_words, "_WORDS", 2)
    text = " ".join("é" * length for length in range(1, 20))
    corpus, _ = CorpusReader(VOCABULARY, True).read([f"a\n{text} a é\nö b\n".encode()])
    assert corpus.tokens.tolist() == [A, *[1] * 19, A, 1, 1, B]
    assert corpus.segments.tolist() == [0, 1, 22, 24]


def test_words_of_many_pieces_between_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(flat_corpus, "_BLOCK_BYTES", 5)
    assert read(tmp_path, "abb c\n\r\nab\nc\n", "b") == [[[A, 8, 8, C]], [[A, 8], [C], [B]]]


@pytest.mark.parametrize("block", [3, 1 << 20])
def test_bytes_that_are_not_utf8_are_named(tmp_path, monkeypatch, block):
    monkeypatch.setattr(flat_corpus, "_BLOCK_BYTES", block)
    (tmp_path / "f").write_bytes(b"a\nb\nab\xe9c\nd\n")
    with pytest.raises(StageError, match=r"f:3: not UTF-8 \(byte 3 of the line"):
        list(blocks_of([tmp_path / "f"]))
