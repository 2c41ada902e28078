"""Hosts for tests of collecting: this machine behind a connection that breaks, and hosts that lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from launcher.hosts import Completed, HostError, LocalHost, Stream
from launcher.remote import script


class CountedStream:
    """A stream that is cut after so many bytes."""

    def __init__(self, stream: Stream, host: ShakyHost, left: int | None) -> None:
        self._stream, self._host, self._left = stream, host, left

    def fileno(self) -> int:
        return self._stream.fileno()

    def read(self) -> bytes:
        if self._left == 0:
            raise HostError(f"host {self._host.label}: cable cut")
        data = self._stream.read()[: self._left]
        self._host.received += len(data)
        self._left = None if self._left is None else self._left - len(data)
        return data

    def close(self) -> None:
        self._stream.close()


class ShakyHost(LocalHost):
    """This machine; `cuts` are bytes after which its streams break, in turn, None for a whole one at last."""

    def __init__(self, label: str = "shaky", cuts: tuple[int | None, ...] = ()) -> None:
        super().__init__(label)
        self.cuts = list(cuts)
        self.words: list[tuple[str, ...]] = []
        self.received = 0
        self.before_fetch: Callable[[], None] = lambda: None
        """Called once files are listed, before they are sent."""

    def stream(self, script: str, *words: str) -> CountedStream:
        self.before_fetch()
        self.words.append(words)
        return CountedStream(super().stream(script, *words), self, self.cuts.pop(0) if self.cuts else None)


class LyingHost(LocalHost):
    """Says what a test tells it to: a list of files, and bytes for the stream of files."""

    def __init__(self, rows: bytes, said: bytes = b"") -> None:
        super().__init__("liar")
        self._rows, self._said = rows, said

    def run(
        self,
        text: str,
        *words: str,
        stdin: bytes | BinaryIO = b"",
        out: BinaryIO | None = None,
        timeout: float = 30.0,
    ) -> Completed:
        assert out is not None and text == script("manifest")
        out.write(self._rows)
        return Completed(0, "", "Welcome to this host\n")

    def stream(self, text: str, *words: str) -> SaidStream:  # type: ignore[override]
        assert text == script("fetch")
        return SaidStream(self._said)


class SaidStream:
    """Bytes that are there already."""

    def __init__(self, said: bytes) -> None:
        self._blocks: Iterator[bytes] = iter([said] if said else [])
        self._ready = open(os.devnull, "rb")  # noqa: SIM115

    def fileno(self) -> int:
        return self._ready.fileno()

    def read(self) -> bytes:
        return next(self._blocks, b"")

    def close(self) -> None:
        self._ready.close()
