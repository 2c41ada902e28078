"""A directory of pretraining TFRecords: checked before anything heavy is imported.

Used as written by tinybert.pretraining_data (with manifest.json) or by Google's create_pretraining_data.py
(with or without a schema.json).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinybert.records.shards import MANIFEST
from tinybert.records.tfrecord import decode_example, read_records
from tinybert.stages.artifacts import read_json, sha256_of
from tinybert.stages.stage import StageError, say

SEQUENCE_COLUMNS = ("input_ids", "input_mask", "segment_ids")
PREDICTION_COLUMNS = ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights")
PRETRAIN_COLUMNS = (*SEQUENCE_COLUMNS, *PREDICTION_COLUMNS, "next_sentence_labels")
# The order in which BERT takes them.
DISTILL_COLUMNS = ("input_ids", "segment_ids", "input_mask")

_SHARD_NAME = re.compile(r"-(\d+)-of-(\d+)\b")


@dataclass(frozen=True)
class RecordFiles:
    """The files of one data set, sorted by name, and what is known of their records.

    `lengths`: number of values of each feature in a record. `vocab_size`, `vocab_sha256`: None where no
    manifest says them. `sha256` tells the data set from another one: that of the manifest, which says what
    it was made from, else of all records by file; None for a split of a task.
    """

    directory: Path
    files: tuple[Path, ...]
    instances: int
    lengths: dict[str, int]
    vocab_size: int | None
    vocab_sha256: str | None
    sha256: str | None = None

    @property
    def max_seq_length(self) -> int:
        """Number of tokens in a record, padding included."""
        return self.lengths["input_ids"]


def open_records(directory: Path, columns: tuple[str, ...], schema: Path | None = None) -> RecordFiles:
    """Check a data set and describe it.

    Raises StageError where the directory is missing, incomplete or still being written, where the first
    record of a file lacks a column or has another shape than the rest, or where a schema says otherwise.
    """
    if not directory.is_dir():
        raise StageError(f"{directory}: no such directory of TFRecords; tinybert.pretraining_data makes one")
    manifest = read_json(directory / MANIFEST)
    files = _listed(directory, manifest) if manifest else _found(directory)
    lengths = common_lengths(files, columns)
    if manifest:
        instances, sha256 = manifest["instances"], sha256_of(directory / MANIFEST)
    else:
        instances, sha256 = _read(files)
    _check_schema(schema or directory / "schema.json", schema is not None, lengths, instances)
    vocabulary = manifest or {"vocab_size": None, "vocab_sha256": None}
    return RecordFiles(
        directory, files, instances, lengths, vocabulary["vocab_size"], vocabulary["vocab_sha256"], sha256
    )


def _listed(directory: Path, manifest: dict[str, Any]) -> tuple[Path, ...]:
    """The files that the manifest names, each with the size that it names."""
    if manifest.get("schema") != 1 or manifest.get("kind") != "pretraining":
        raise StageError(
            f"{directory / MANIFEST}: kind {manifest.get('kind')!r}, schema {manifest.get('schema')!r}; "
            "this stage reads kind 'pretraining', schema 1"
        )
    for entry in manifest["files"]:
        path = directory / entry["name"]
        if not path.is_file():
            raise StageError(f"{path}: missing, but named in {MANIFEST}; make the data set again")
        if path.stat().st_size != entry["bytes"]:
            raise StageError(f"{path}: {path.stat().st_size} bytes, but {entry['bytes']} in {MANIFEST}")
    return tuple(directory / name for name in sorted(entry["name"] for entry in manifest["files"]))


def _found(directory: Path) -> tuple[Path, ...]:
    """TFRecord files of a directory without manifest, as the reference finds them: "record" in the name."""
    names = sorted(path.name for path in directory.iterdir() if path.is_file())
    names = [name for name in names if "record" in name and not name.startswith(".") and ".db" not in name]
    if not names:
        raise StageError(
            f"{directory}: no file with 'record' in its name; tinybert.pretraining_data makes them"
        )
    missing = _missing_shards(names)
    if missing:
        raise StageError(
            f"{directory}: not complete: no {MANIFEST}, and these shards are missing: {', '.join(missing)}; "
            "let tinybert.pretraining_data finish"
        )
    say(f"{directory}: no {MANIFEST}; reading all records to count them")
    return tuple(directory / name for name in names)


def _missing_shards(names: list[str]) -> list[str]:
    """Names that "-00000-of-00008" of the names at hand ask for."""
    wanted = set()
    for name in names:
        match = _SHARD_NAME.search(name)
        if match:
            width = len(match[1])
            for index in range(int(match[2])):
                wanted.add(f"{name[: match.start()]}-{index:0{width}d}-of-{match[2]}{name[match.end() :]}")
    return sorted(wanted - set(names))


def _read(files: tuple[Path, ...]) -> tuple[int, str]:
    """Number of the records, and a SHA-256 of them by file, on which the order of training depends."""
    count, whole = 0, hashlib.sha256()
    for path in files:
        digest = hashlib.sha256()
        for record in read_records(path):
            digest.update(record)
            count += 1
        whole.update(digest.digest())
    return count, whole.hexdigest()


def common_lengths(files: tuple[Path, ...], columns: tuple[str, ...]) -> dict[str, int]:
    """Number of values of each column, from the first record of every file.

    Raises StageError where a file is empty, lacks a column, or has other shapes than the first one.
    """
    lengths: dict[str, int] = {}
    for path in files:
        found = _first_lengths(path, columns)
        lengths = lengths or found
        if found != lengths:
            raise StageError(f"{path}: shapes {found} differ from {lengths} in {files[0]}")
    return lengths


def _first_lengths(path: Path, columns: tuple[str, ...]) -> dict[str, int]:
    with path.open("rb") as file:
        if file.read(2) == b"\x1f\x8b":
            raise StageError(f"{path}: compressed with gzip; decompress it first (gunzip)")
    record = next(read_records(path), None)
    if record is None:
        raise StageError(f"{path}: holds no record")
    features = decode_example(record)
    missing = [name for name in columns if name not in features]
    if missing:
        raise StageError(
            f"{path}: records lack {', '.join(missing)}; they have {', '.join(sorted(features))}"
        )
    lengths = {name: len(features[name]) for name in columns}
    for group in (SEQUENCE_COLUMNS, PREDICTION_COLUMNS):
        sizes = {lengths[name] for name in group if name in lengths}
        if len(sizes) > 1 or 0 in sizes:
            raise StageError(f"{path}: columns {', '.join(group)} must have one length, not {lengths}")
    return lengths


def _check_schema(path: Path, required: bool, lengths: dict[str, int], instances: int) -> None:
    """Compare a MindSpore schema.json with the records: a wrong shape is an error, numRows is not obeyed."""
    if not path.is_file() and not required:
        return
    schema = read_json(path)
    if schema is None or not isinstance(schema.get("columns"), dict):
        raise StageError(f"{path}: no JSON object with 'columns'")
    for name, length in lengths.items():
        if name not in schema["columns"]:
            raise StageError(f"{path}: lacks column {name}")
        shape = schema["columns"][name].get("shape", [length])
        if shape != [length]:
            raise StageError(f"{path}: column {name} has shape {shape}, but {length} values in the records")
    rows = schema.get("numRows", instances)
    if rows != instances:
        say(f"{path}: numRows is {rows}, but there are {instances} records: all are used")
