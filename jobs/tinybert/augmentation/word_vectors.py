"""Word vectors in GloVe's text form (Pennington et al. 2014): a word and its numbers a line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np

from tinybert.stages.stage import Progress, StageError
from tinybert.text.lines import decode, require_file

MOST_WORDS = 100_000
"""Vectors that are read: files have the most frequent words first, and the reference stops here, too."""
_ROUNDING = 1e-5  # of a sum of hundreds of products in single precision, with room
_CACHED_WORDS = 1 << 16


class WordVectors:
    """`words`, and their vectors of length 1 in the rows of `units`, float32 [words, dimensions]."""

    def __init__(self, words: list[str], units: np.ndarray) -> None:
        self._words = words
        self._units = units
        self._rows = {word: row for row, word in reversed(list(enumerate(words)))}
        self.nearest = lru_cache(maxsize=_CACHED_WORDS)(self._nearest)

    def __len__(self) -> int:
        return len(self._words)

    def _nearest(self, word: str, count: int) -> tuple[str, ...]:
        """The `count` words most like `word` by cosine, the most like first, without itself; () if unknown.

        A word that is only there in lower case is found as that; a title-cased one gets title-cased words.
        """
        row = self._rows.get(word, self._rows.get(word.lower()))
        if row is None:
            return ()
        # Sums in single precision depend on how the linear algebra library shares them among threads: they
        # only choose which words are compared in double precision.
        near = self._units @ self._units[row]
        near[row] = -np.inf
        last = max(0, len(near) - count)
        rows = np.flatnonzero(near >= np.partition(near, last)[last] - _ROUNDING)
        exact = (self._units[rows].astype(np.float64) * self._units[row]).sum(1)
        order = np.lexsort((rows, -exact))
        found = [self._words[other] for other in rows[order] if other != row][:count]
        return tuple(other.title() for other in found) if word.istitle() else tuple(found)


def load_word_vectors(path: Path) -> WordVectors:
    """Read the first vectors of a file. Raises StageError with file and line for one that is none.

    A first line of two numbers (word2vec's and fastText's count and size) is skipped. Words with spaces in
    them, words seen before, and vectors of zeros are left out.
    """
    vectors: dict[str, np.ndarray] = {}
    size = 0
    progress = Progress()
    for number, line in _lines(path):
        size = size or line.count(" ")
        word, vector = _parsed(line, size, f"{path}:{number}")
        length = np.linalg.norm(vector)
        if word.split() == [word] and word not in vectors and length:
            vectors[word] = (vector / length).astype(np.float32)
        progress.report(f"{path}: read {{}} word vectors", number)
    if not vectors:
        raise StageError(f"{path} holds no word vector")
    return WordVectors(list(vectors), np.stack(list(vectors.values())))


def sha256_of_word_vectors(path: Path) -> str:
    """The SHA-256, in hexadecimal, of the lines that `load_word_vectors` reads: files have gigabytes more."""
    require_file(path, "word vectors")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for raw in islice(file, MOST_WORDS):
            digest.update(raw)
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold vectors, with their numbers."""
    with path.open("rb") as file:
        for number, raw in enumerate(islice(file, MOST_WORDS), 1):
            line = decode(raw, path, number).rstrip("\r\n ")
            if number > 1 or len(line.split()) != 2:
                yield number, line


def _parsed(line: str, size: int, place: str) -> tuple[str, np.ndarray]:
    word, *numbers = line.rsplit(" ", size) if size else (line,)
    try:
        vector = np.array(numbers, dtype=np.float64)
    except ValueError as error:
        raise StageError(f"{place}: not a word and {size} numbers: {error}") from error
    if len(vector) != size or not size or not np.isfinite(vector).all():
        raise StageError(f"{place}: not a word and {size or 'its'} finite numbers, separated by spaces")
    return word, vector
