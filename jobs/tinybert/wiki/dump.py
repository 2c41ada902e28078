"""What a Wikipedia dump holds, and reading it from the beginning or from a split on."""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable

from tinybert.stages.stage import StageError

BLOCK = 1 << 18
"""Bytes that are read, and decompressed, at once."""


@dataclass(frozen=True)
class Split:
    """Whole pages that follow one another; all positions are bytes after decompression.

    The stream of bz2 that holds `start` begins at `stream_start`, and there at `stream_offset` of the file.
    """

    start: int
    end: int
    articles: int
    last_article: str
    stream_start: int
    stream_offset: int


@dataclass(frozen=True)
class DumpContents:
    """What a dump holds. `whole_bytes` is where its last whole page ends, after decompression."""

    language: str
    pages: int
    articles: int
    templates: int
    last_title: str
    head_bytes: int
    whole_bytes: int
    damage: str | None  # why it is not whole; None: it is
    splits: tuple[Split, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DumpContents:
        """From what `dataclasses.asdict` made of it."""
        return cls(**{**values, "splits": tuple(Split(**split) for split in values["splits"])})


def dump_blocks(
    path: Path, offset: int = 0, on_stream: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """Yield a dump from `offset` of the file on, decompressed where its name ends in .bz2.

    There `offset` must be that of a stream, and `on_stream` is told where in the file each begins. Each
    stream is read in the same steps whatever came before: of a damaged one always the same bytes come.
    Raises EOFError where the last stream is cut, OSError where one is damaged.
    """
    with path.open("rb") as file:
        if path.suffix != ".bz2":
            file.seek(offset)
            yield from iter(lambda: file.read(BLOCK), b"")
            return
        size = path.stat().st_size
        while offset < size:
            if on_stream:
                on_stream(offset)
            file.seek(offset)
            offset = yield from _stream_blocks(file)


def _stream_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield what one bz2 stream holds; returns the position of the next."""
    decompressor = bz2.BZ2Decompressor()
    while not decompressor.eof:
        packed = file.read(BLOCK) if decompressor.needs_input else b""
        if decompressor.needs_input and not packed:
            raise EOFError("Compressed file ended before the end-of-stream marker was reached")
        block = decompressor.decompress(packed, BLOCK)
        if block:
            yield block
    return file.tell() - len(decompressor.unused_data)


class DumpReader:
    """Gives the bytes of splits; those that come in order are read without going back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: Iterator[bytes] = iter(())
        self._rest = b""
        self._position = -1

    def read(self, start: int, end: int, stream_start: int = 0, stream_offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` to `end` after decompression."""
        if not stream_start <= self._position <= start:
            self._blocks, self._rest = dump_blocks(self._path, stream_offset), b""
            self._position = stream_start
        while self._position < end:
            block = self._rest or next(self._blocks, b"")
            if not block:
                raise StageError(f"{self._path} has become shorter while it was read")
            skipped = max(0, min(len(block), start - self._position))
            taken = min(len(block), end - self._position)
            if skipped < taken:
                yield block[skipped:taken]
            self._rest = block[taken:]
            self._position += taken

    def read_split(self, split: Split) -> Iterator[bytes]:
        """Yield the pages of a split."""
        if self._path.suffix == ".bz2":
            return self.read(split.start, split.end, split.stream_start, split.stream_offset)
        return self.read(split.start, split.end, split.start, split.start)
