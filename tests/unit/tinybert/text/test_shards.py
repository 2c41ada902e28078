from __future__ import annotations

import hashlib

import pytest
from tinybert.stages.stage import StageError
from tinybert.text import shards as text_shards
from tinybert.text.flat_corpus import blocks_of
from tinybert.text.shards import TextShards

from tests.unit.tinybert.records.test_stream import write_corpus


def test_parts_are_the_corpus_cut_at_blank_lines(tmp_path):
    paths = write_corpus(tmp_path)
    text = TextShards(paths, 16_000)
    assert text.count == 8
    parts = [b"".join(text.blocks(index)) for index in range(text.count)]
    assert b"".join(parts) == b"".join(blocks_of(paths))
    for part in parts[:-1]:
        assert part
        assert not part.decode().split("\n")[-2].strip()


def test_a_document_longer_than_a_part_leaves_parts_empty(tmp_path):
    (tmp_path / "f").write_text("a\n" * 500 + "\nb\n")
    text = TextShards([tmp_path / "f"], 200)
    sizes = [sum(map(len, text.blocks(index))) for index in range(text.count)]
    assert sizes == [1001, 0, 0, 0, 0, 2]


def test_a_document_too_long_for_memory_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(text_shards, "_LONGEST_DOCUMENT", 300)
    (tmp_path / "f").write_text("a\n" * 500)
    with pytest.raises(StageError, match="f: no blank line within"):
        list(TextShards([tmp_path / "f"], 200).blocks(0))


def test_the_sum_of_a_part_is_that_of_its_text(tmp_path):
    text = TextShards(write_corpus(tmp_path), 16_000)
    assert text.sha256(2) == hashlib.sha256(b"".join(text.blocks(2))).hexdigest()
    assert text.sha256(2) != text.sha256(3)
