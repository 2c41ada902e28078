from __future__ import annotations

import pytest
from tinybert.documents import count_documents, expand_paths, read_documents
from tinybert.stage import StageError
from tinybert.tokenization import SPECIAL_TOKENS, Tokenizer, Vocabulary

A, B, C = 5, 6, 7
VOCABULARY = Vocabulary(
    ids={token: index for index, token in enumerate([*SPECIAL_TOKENS, "a", "b", "c", "##b"])}, size=9
)


def read(tmp_path, *contents):
    paths = []
    for number, content in enumerate(contents):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_bytes(content.encode())
    return [document for document in read_documents(paths, Tokenizer(VOCABULARY, True)) if document]


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


def test_blank_lines_make_no_documents(tmp_path):
    assert read(tmp_path, "\n\n\na\n\n\n\nb\n\n\n") == [[[A]], [[B]]]


def test_counts(tmp_path, capsys):
    documents = read_documents([write(tmp_path / "f", "a b\nzz\n\nc")], Tokenizer(VOCABULARY, True))
    counts = count_documents(documents, unknown=1)
    assert counts == {"documents": 2, "sentences": 3, "tokens": 4, "unknown_tokens": 1}
    assert "read 2 documents, 3 sentences, 4 tokens" in capsys.readouterr().err


def test_corpus_without_text_is_an_error():
    with pytest.raises(StageError, match="no text"):
        count_documents([[]], unknown=1)


def test_single_document_is_warned_of(capsys):
    count_documents([[[A]]], unknown=1)
    assert "warning: a single document" in capsys.readouterr().err


def write(path, text):
    path.write_text(text)
    return path


def test_paths_commas_and_patterns(tmp_path):
    names = ["b1", "a2", "a10", "[x]"]
    b1, a2, a10, bracket = (write(tmp_path / name, "text") for name in names)
    assert expand_paths(f"{b1},{tmp_path}/a*,{bracket}") == [b1, a10, a2, bracket]


@pytest.mark.parametrize("pattern", ["nothing*", "missing.txt"])
def test_pattern_that_matches_nothing_is_an_error(tmp_path, pattern):
    with pytest.raises(StageError, match="does not exist"):
        expand_paths(f"{write(tmp_path / 'a', 'text')},{tmp_path}/{pattern}")


def test_no_path_is_an_error():
    with pytest.raises(StageError, match="names no file"):
        expand_paths(",")
