"""Bytes of many files in one compressed stream, each written where it belongs as it comes."""

from __future__ import annotations

import os
import re
import select
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from launcher.hosts import HostError, Stream
from launcher.remote import script
from launcher.run.collect.listing import Entry, Source
from launcher.run.collect.place import Place

_GZIP = 31
"""What zlib calls a stream with a gzip header, and the largest window."""
_BLOCK = 1 << 20
_SILENCE = 120.0
"""Seconds without a byte after which a host hangs: bytes are read from its disk and sent at once."""
_WORDS = 64_000
"""Bytes of words that one call of a script may have."""
_SPECIAL = re.compile(rb"[^A-Za-z0-9_./-]")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is lacking of a file: all from `start` on."""

    entry: Entry
    start: int

    @property
    def words(self) -> tuple[str, str, str]:
        """For the script: first byte from 1, number of bytes, path in a form that no transport changes."""
        path = _SPECIAL.sub(lambda match: b"\\0%03o" % match[0][0], os.fsencode(self.entry.path))
        return str(self.start + 1), str(self.entry.size - self.start), path.decode("ascii")


@dataclass(slots=True)
class Tally:
    """What has come from one host."""

    files: int = 0
    size: int = 0
    """Bytes of files."""
    received: int = 0
    """Bytes of the compressed stream."""


def receive(source: Source, pieces: Iterable[Piece], place: Place, tally: Tally) -> Iterator[Entry]:
    """Fetch pieces; gives the files whose sum was wrong at the end: they have been rewritten meanwhile.

    Raises HostError when contact is lost or what comes makes no sense, OSError where nothing can be written;
    what had arrived is kept.
    """
    for batch in _batches(pieces):
        words = [word for piece in batch for word in piece.words]
        stream = source.host.stream(script("fetch"), source.directory, *words)
        try:
            contents = _Contents(stream, source.host.label, tally)
            for piece in batch:
                if not _write(piece, contents, place, tally):
                    yield piece.entry
        finally:
            stream.close()


def _batches(pieces: Iterable[Piece]) -> Iterator[Sequence[Piece]]:
    """As many at once as the words of a script may name."""
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        more = sum(len(word) + 3 for word in piece.words)
        if batch and size + more > _WORDS:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += more
    if batch:
        yield batch


def _write(piece: Piece, contents: _Contents, place: Place, tally: Tally) -> bool:
    """Whether the file has come whole."""
    left = piece.entry.size - piece.start
    with open(place.partial(piece.entry), "ab") as file:
        while left:
            data = contents.take(left)
            file.write(data)
            left -= len(data)
            tally.size += len(data)
    is_whole = place.settle(piece.entry)
    tally.files += is_whole
    return is_whole


class _Contents:
    """The files' bytes, one file after the other."""

    def __init__(self, stream: Stream, label: str, tally: Tally) -> None:
        self._blocks = _inflated(stream, label, tally)
        self._rest = memoryview(b"")

    def take(self, most: int) -> memoryview:
        """The next bytes, at least one. Raises HostError where there are none."""
        while not self._rest:
            self._rest = memoryview(next(self._blocks))
        data, self._rest = self._rest[:most], self._rest[most:]
        return data


def _inflated(stream: Stream, label: str, tally: Tally) -> Iterator[bytes]:
    """Blocks of a gzip stream, never larger than 1 MiB. Raises HostError at its end."""
    gzip = zlib.decompressobj(wbits=_GZIP)
    for data in _bytes_of(stream, label):
        tally.received += len(data)
        while data:
            try:
                yield gzip.decompress(data, _BLOCK)
            except zlib.error as error:
                raise HostError(f"host {label}: its stream of files is garbled: {error}") from error
            data = gzip.unconsumed_tail
    raise HostError(f"host {label}: its stream of files ended too early")


def _bytes_of(stream: Stream, label: str) -> Iterator[bytes]:
    """What comes, until the end. Raises HostError, also where it takes too long."""
    waiting = select.poll()
    waiting.register(stream.fileno(), select.POLLIN)
    while waiting.poll(_SILENCE * 1000):
        if not (data := stream.read()):
            return
        yield data
    raise HostError(f"host {label}: no byte of its files came for {_SILENCE:g} s")
