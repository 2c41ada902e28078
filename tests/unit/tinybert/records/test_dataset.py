from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tinybert.records.dataset import DISTILL_COLUMNS, PRETRAIN_COLUMNS, open_records
from tinybert.stages.stage import StageError

Write = Callable[..., Path]


def _record(length: int = 8, **changes: list) -> dict[str, list]:
    record = {"input_ids": [1] * length, "input_mask": [1] * length, "segment_ids": [0] * length}
    return {**record, **changes}


def _manifest(directory: Path, **changes: object) -> None:
    files = sorted(directory.glob("*.tfrecord"))
    entries = [{"name": path.name, "instances": 40, "bytes": path.stat().st_size} for path in files]
    manifest = {"schema": 1, "kind": "pretraining", "instances": 40, "vocab_size": 50, "vocab_sha256": "ab"}
    (directory / "manifest.json").write_text(json.dumps({**manifest, "files": entries, **changes}))


def test_foreign_records_are_counted_and_their_files_sorted(write_records: Write) -> None:
    write_records("b.tfrecord", [_record()] * 3)
    records = open_records(write_records("a.tf_record", [_record()] * 2), DISTILL_COLUMNS)
    assert [path.name for path in records.files] == ["a.tf_record", "b.tfrecord"]
    assert (records.instances, records.max_seq_length, records.vocab_size) == (5, 8, None)


def test_the_manifest_is_used_where_there_is_one(write_records: Write) -> None:
    directory = write_records()
    _manifest(directory)
    records = open_records(directory, PRETRAIN_COLUMNS)
    assert (records.instances, records.vocab_size, records.vocab_sha256) == (40, 50, "ab")
    assert records.lengths["masked_lm_ids"] == 2


def _sha256(directory: Path) -> str | None:
    return open_records(directory, DISTILL_COLUMNS).sha256


def test_other_records_of_the_same_number_are_told_apart(write_records: Write) -> None:
    write_records("a.tfrecord", [_record()] * 2)
    directory = write_records("b.tfrecord", [_record()])
    first = _sha256(directory)
    assert first == _sha256(directory)
    write_records("a.tfrecord", [_record(), _record(input_ids=[2] * 8)])
    assert _sha256(directory) != first
    write_records("a.tfrecord", [_record()])
    write_records("b.tfrecord", [_record()] * 2)
    assert _sha256(directory) != first, "their order depends on the files"


def test_a_manifest_of_another_corpus_tells_records_of_the_same_number_apart(write_records: Write) -> None:
    directory = write_records()
    _manifest(directory, corpus_sha256=["ab"])
    first = _sha256(directory)
    assert first == _sha256(directory)
    _manifest(directory, corpus_sha256=["cd"])
    assert _sha256(directory) != first


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="nowhere: no such directory"):
        open_records(tmp_path / "nowhere", DISTILL_COLUMNS)


def test_a_directory_without_records_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("x")
    with pytest.raises(StageError, match="no file with 'record' in its name"):
        open_records(tmp_path, DISTILL_COLUMNS)


def test_missing_shards_are_named(write_records: Write) -> None:
    write_records("part-00000-of-00003.tfrecord")
    directory = write_records("part-00002-of-00003.tfrecord")
    with pytest.raises(StageError, match=r"not complete.*missing: part-00001-of-00003\.tfrecord"):
        open_records(directory, DISTILL_COLUMNS)


def test_a_file_of_another_size_than_in_the_manifest_is_named(write_records: Write) -> None:
    directory = write_records()
    _manifest(directory)
    write_records(examples=[_record()])
    with pytest.raises(StageError, match=r"a\.tfrecord: \d+ bytes, but \d+ in manifest"):
        open_records(directory, DISTILL_COLUMNS)


def test_a_file_that_only_the_manifest_knows_is_named(write_records: Write) -> None:
    directory = write_records()
    _manifest(directory)
    (directory / "a.tfrecord").unlink()
    with pytest.raises(StageError, match=r"a\.tfrecord: missing, but named in manifest"):
        open_records(directory, DISTILL_COLUMNS)


def test_a_manifest_of_another_kind_is_refused(write_records: Write) -> None:
    directory = write_records()
    _manifest(directory, kind="glue")
    with pytest.raises(StageError, match="kind 'glue'"):
        open_records(directory, DISTILL_COLUMNS)


def test_missing_columns_are_named_with_the_file(write_records: Write) -> None:
    directory = write_records("x.tfrecord", [_record()])
    with pytest.raises(
        StageError, match=r"x\.tfrecord: records lack masked_lm_positions, .*they have input_ids"
    ):
        open_records(directory, PRETRAIN_COLUMNS)


def test_columns_of_different_lengths_are_refused(write_records: Write) -> None:
    directory = write_records("x.tfrecord", [_record(input_mask=[1] * 7)])
    with pytest.raises(StageError, match="must have one length"):
        open_records(directory, DISTILL_COLUMNS)


def test_files_of_different_lengths_are_refused(write_records: Write) -> None:
    write_records("a.tfrecord", [_record(8)])
    directory = write_records("b.tfrecord", [_record(9)])
    with pytest.raises(StageError, match=r"b\.tfrecord: shapes .*9.* differ"):
        open_records(directory, DISTILL_COLUMNS)


def test_an_empty_and_a_compressed_file_are_refused(write_records: Write, tmp_path: Path) -> None:
    directory = write_records()
    (directory / "a.tfrecord").write_bytes(b"")
    with pytest.raises(StageError, match="holds no record"):
        open_records(directory, DISTILL_COLUMNS)
    (directory / "a.tfrecord").write_bytes(gzip.compress(b"x"))
    with pytest.raises(StageError, match="compressed with gzip"):
        open_records(directory, DISTILL_COLUMNS)


def _schema(directory: Path, rows: int, length: int) -> None:
    column = {"type": "int64", "rank": 1, "shape": [length]}
    columns = {name: column for name in DISTILL_COLUMNS}
    (directory / "schema.json").write_text(
        json.dumps({"datasetType": "TF", "numRows": rows, "columns": columns})
    )


def test_num_rows_of_a_schema_does_not_truncate(
    write_records: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = write_records()
    _schema(directory, rows=20, length=8)
    assert open_records(directory, DISTILL_COLUMNS).instances == 40
    assert "numRows is 20, but there are 40 records: all are used" in capsys.readouterr().err


def test_a_schema_of_another_shape_is_an_error(write_records: Write) -> None:
    directory = write_records()
    _schema(directory, rows=40, length=256)
    with pytest.raises(StageError, match=r"column input_ids has shape \[256\], but 8 values"):
        open_records(directory, DISTILL_COLUMNS)


def test_a_schema_that_was_asked_for_must_be_there(write_records: Write, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"other\.json: no JSON object"):
        open_records(write_records(), DISTILL_COLUMNS, tmp_path / "other.json")
