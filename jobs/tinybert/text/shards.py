"""A corpus cut at blank lines into parts of about equal size, each found without reading the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from tinybert.stages.stage import StageError
from tinybert.text.flat_corpus import blocks_of_file

_LONGEST_DOCUMENT = 256 << 20
_LONGEST_BLANK = 256  # bytes; a longer line of spaces ends a document, but no part


class TextShards:
    """The documents of all files, one file after the other, in `count` parts of about `size` bytes."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self._paths = paths
        self._ends = list(accumulate(path.stat().st_size for path in paths))
        self.bytes = self._ends[-1]
        self.count = -(-self.bytes // size)

    def blocks(self, index: int) -> Iterator[bytes]:
        """The lines of a part, as `blocks_of` gives them. Raises StageError as that does, and as `_cut`."""
        start, end = self._cut(index), self._cut(index + 1)
        for path, first, last in self._files():
            if start < last and first < end:
                yield from blocks_of_file(path, max(start, first) - first, min(end, last) - first)

    def sha256(self, index: int) -> str:
        """Of what `blocks` gives, in hexadecimal."""
        digest = hashlib.sha256()
        for block in self.blocks(index):
            digest.update(block)
        return digest.hexdigest()

    def _files(self) -> Iterator[tuple[Path, int, int]]:
        """Each file with the bytes of the corpus that it holds."""
        return zip(self._paths, [0, *self._ends], self._ends)

    def _cut(self, index: int) -> int:
        """Where a part begins: after the first blank line from its share of the bytes on.

        Raises StageError where no blank line ends a document for too long: it would not fit into memory.
        """
        share = self.bytes * index // self.count
        if index == 0 or index == self.count:
            return share
        for path, first, last in self._files():
            if share >= last:
                continue
            with path.open("rb") as file:
                if share > first:
                    file.seek(share - first - 1)
                    file.readline()
                for line in iter(file.readline, b""):
                    if _is_blank(line):
                        return first + file.tell()
                    if first + file.tell() - share > _LONGEST_DOCUMENT:
                        raise StageError(
                            f"{path}: no blank line within {_LONGEST_DOCUMENT >> 20} MB: a blank line ends "
                            "a document; without --stream a document may be of any size"
                        )
        return self.bytes


def _is_blank(line: bytes) -> bool:
    return len(line) <= _LONGEST_BLANK and not line.decode(errors="replace").strip()
