"""Lines of a text file as TensorFlow's reader gives them, which Google's BERT scripts use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tinybert.stages.stage import StageError


def read_lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file without their "\n".

    As tf.io.gfile.GFile.readline does, only "\n" ends a line and every "\r" is deleted, also within a line;
    nothing follows the last "\n". Raises StageError with file and line for bytes that are not UTF-8.
    """
    with path.open("rb") as file:
        yield from lines_of(file, path)


def lines_of(file: BinaryIO, path: Path | str) -> Iterator[str]:
    """The lines of an open file as `read_lines` yields them; `path` is its name in errors."""
    for number, raw in enumerate(file, 1):
        line = raw.replace(b"\r", b"")
        if not line:  # only carriage returns after the last newline: the end of the file for TensorFlow
            continue
        yield decode(line, path, number).removesuffix("\n")


def decode(text: bytes, path: Path | str, number: int) -> str:
    r"""The lines of `path` that `text` holds, from line `number` on.

    Raises StageError with file and line for bytes that are not UTF-8.
    """
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start]
        line, byte = number + before.count(b"\n"), error.start - before.rfind(b"\n")
        raise StageError(
            f"{path}:{line}: not UTF-8 (byte {byte} of the line: {error.reason}); convert the file with iconv"
        ) from error


def require_file(path: Path, what: str) -> None:
    """Raise StageError unless `path` is a file that can be read and holds at least one byte."""
    if not path.exists():
        raise StageError(f"{what} {path} does not exist")
    if not path.is_file():
        raise StageError(f"{what} {path} is not a file")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise StageError(f"{what} {path} is empty")
    except PermissionError as error:
        raise StageError(f"{what} {path} cannot be read: permission denied") from error
