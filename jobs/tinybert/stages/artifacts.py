"""Files that a stage makes: written by rename, and reused while what they were made from is unchanged."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tinybert.stages.stage import StageError

SCHEMA = 1


@contextmanager
def written_by_rename(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that appears as `path` when the block ends, and not at all when it raises or is killed.

    Raises StageError where the directory cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a directory", str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        file = unfinished.open("wb")
    except OSError as error:
        raise StageError(f"cannot write {path}: {error.filename}: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(path)


@contextmanager
def directory_by_rename(directory: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes `directory`, in place of what is there, when the block ends.

    Where the block raises or is killed, `directory` stays as it is. Raises StageError where it cannot be
    written.
    """
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
    except OSError as error:
        raise StageError(f"cannot write {directory}: {error.filename}: {error.strerror}") from error
    try:
        yield unfinished
        for path in unfinished.iterdir():
            _finish(path)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    unfinished.replace(directory)


def _finish(path: Path) -> None:
    """Make sure that the file is on the disk, and readable as others are (safetensors makes it 0600)."""
    path.chmod(0o644)
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON, by rename."""
    with written_by_rename(path) as file:
        file.write(json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file of ours, or None where there is no such file or no object in it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def stamp_of(path: Path) -> dict[str, int]:
    """Size in bytes and time of change in nanoseconds: tells a changed file without reading it."""
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}


def sidecar_of(path: Path) -> Path:
    """`<path>.json`, which says what a single-file artifact was made from."""
    return path.with_name(path.name + ".json")


def is_up_to_date(path: Path, made_from: dict[str, Any]) -> bool:
    """Whether `path` is as `write_artifact` left it when it was made from the same arguments and inputs."""
    record = read_json(sidecar_of(path))
    return (
        record is not None
        and record.get("schema") == SCHEMA
        and record.get("made_from") == made_from
        and path.is_file()
        and record.get("output") == stamp_of(path)
    )


@contextmanager
def artifact(path: Path, made_from: dict[str, Any], counts: dict[str, Any]) -> Iterator[BinaryIO]:
    """Like `written_by_rename`, with a sidecar: `made_from` for `is_up_to_date`, `counts` for people.

    The sidecar is gone before the file is replaced, so that it never describes another file. `counts` may be
    filled within the block.
    """
    with written_by_rename(path) as file:
        yield file
        sidecar_of(path).unlink(missing_ok=True)
    describe(path, made_from, counts)


def describe(path: Path, made_from: dict[str, Any], counts: dict[str, Any]) -> None:
    """Write the sidecar of a finished file."""
    record = {"schema": SCHEMA, "output": stamp_of(path), "counts": counts, "made_from": made_from}
    write_json(sidecar_of(path), record)
