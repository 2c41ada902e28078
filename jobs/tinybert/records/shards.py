"""A directory of TFRecord shards with a manifest.json that says that it is complete."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Callable, TypeVar

from tinybert.stages.artifacts import SCHEMA, read_json, write_json
from tinybert.stages.stage import StageError, say

MANIFEST = "manifest.json"
STAGING = ".unfinished"
_SHARD_NAMES = "part-*-of-*.tfrecord"

Example = TypeVar("Example")


def complete_manifest(directory: Path, made_from: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of a directory that is whole and was made from the same, else None."""
    manifest = read_json(directory / MANIFEST)
    if manifest is None or manifest.get("schema") != SCHEMA:
        return None
    if any(manifest.get(key) != value for key, value in made_from.items()):
        return None
    whole = all(_size_of(directory / file["name"]) == file["bytes"] for file in manifest["files"])
    return manifest if whole else None


def _size_of(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def write_dataset(
    directory: Path,
    examples: Sequence[Example],
    write: Callable[[BinaryIO, Sequence[Example]], None],
    shard_count: int,
    manifest: dict[str, Any],
) -> dict[str, Any]:
    """Write example k to shard k mod `shard_count` and return the manifest with the list of files.

    Shards are written in a hidden directory, then those of an earlier run go (its manifest first), the new
    ones are renamed into place, and the manifest comes last. Killed at any moment, the directory either is
    complete, or has no manifest and lacks shards that the names of the others count ("-of-00008"). Raises
    StageError where there are fewer examples than shards.
    """
    if len(examples) < shard_count:
        raise StageError(
            f"{len(examples)} instances are too few for {shard_count} shards: "
            "give a larger corpus or fewer --shards"
        )
    staging = _empty_staging(directory)
    files = []
    for index in range(shard_count):
        path = staging / f"part-{index:05d}-of-{shard_count:05d}.tfrecord"
        files.append(_write_shard(path, examples[index::shard_count], write))
        say(f"wrote {path.name}: {files[-1]['instances']} instances, {files[-1]['bytes']} bytes")
    manifest = {"schema": SCHEMA, **manifest, "files": files}
    publish(directory, staging, manifest)
    return manifest


def require_ours(directory: Path) -> None:
    """Raise StageError where writing to `directory` would delete shards that no stage of ours wrote."""
    if directory.exists() and not directory.is_dir():
        raise StageError(f"{directory} is not a directory")
    # In this order: another rank that publishes writes the manifest before its staging goes.
    ours = any(directory.glob(f"{STAGING}*")) or (directory / MANIFEST).exists()
    if not ours and any(directory.glob(_SHARD_NAMES)):
        raise StageError(f"{directory} holds TFRecord shards without {MANIFEST}: name another directory")


def _empty_staging(directory: Path) -> Path:
    staging = directory / STAGING
    try:
        if staging.exists():
            shutil.rmtree(staging)
        staging.mkdir(parents=True)
    except OSError as error:
        raise StageError(f"cannot write {directory}: {error.filename}: {error.strerror}") from error
    return staging


def _write_shard(
    path: Path, examples: Sequence[Example], write: Callable[[BinaryIO, Sequence[Example]], None]
) -> dict[str, Any]:
    try:
        with path.open("wb") as file:
            write(file, examples)
            file.flush()
            os.fsync(file.fileno())
            return {"name": path.name, "instances": len(examples), "bytes": file.tell()}
    except OSError as error:
        raise StageError(f"cannot write {path}: {error.strerror}") from error


def staging_of(directory: Path, made_from: dict[str, Any]) -> Path:
    """Where unfinished work on this very data set is kept."""
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
    staging = directory / f"{STAGING}-{key}"
    try:
        staging.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StageError(f"cannot write {directory}: {error.filename}: {error.strerror}") from error
    return staging


def publish(directory: Path, staging: Path, manifest: dict[str, Any]) -> None:
    """Put what `staging` holds in the place of an earlier data set; a call that was killed is done again."""
    begun = staging / "published"
    if not begun.exists():
        (directory / MANIFEST).unlink(missing_ok=True)
        for old in directory.glob(_SHARD_NAMES):
            old.unlink()
        begun.touch()
    for file in manifest["files"]:
        if (staging / file["name"]).exists():
            (staging / file["name"]).replace(directory / file["name"])
    write_json(directory / MANIFEST, manifest)
    for left in directory.glob(f"{STAGING}*"):
        shutil.rmtree(left)
