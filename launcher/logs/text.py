"""Frames of the log script into bytes of each rank, and bytes into lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 1 << 20
"""Bytes after which a line without an end is given out in pieces."""
_SEPARATOR = re.compile(rb"\r*\n|\r+")
_RETURNS_BEFORE_TEXT = re.compile(rb"^\r+(?!\n)", re.MULTILINE)
_LONGEST_HEADER = 80


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of one member's log.txt, from a byte offset on."""

    key: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """What the log script says besides: `beat`, `over`, `gone`, or `cut` and a key."""

    word: str
    key: str = ""


class FrameParser:
    """Takes what a stream brings in pieces of any size; a frame is given out when it is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._header: tuple[str, int, int] | None = None

    def feed(self, piece: bytes) -> Iterator[Frame | Notice]:
        """Everything that is whole now. Raises ValueError for a line that the log script does not write."""
        self._buffer += piece
        while (item := self._next()) is not None:
            yield item

    def _next(self) -> Frame | Notice | None:
        if self._header is None:
            words = self._line()
            if words is None:
                return None
            if len(words) != 3:
                return _notice(words)
            self._header = words[0], int(words[1]), int(words[2])
        key, offset, length = self._header
        if len(self._buffer) < length:
            return None
        data = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        self._header = None
        return Frame(key, offset, data)

    def _line(self) -> list[str] | None:
        end = self._buffer.find(b"\n", 0, _LONGEST_HEADER)
        if end < 0 and len(self._buffer) < _LONGEST_HEADER:
            return None
        line = bytes(self._buffer[: end if end >= 0 else _LONGEST_HEADER])
        if end < 0:
            raise ValueError(f"not a line of the log script: {line!r}")
        del self._buffer[: end + 1]
        return line.decode("ascii", "replace").split(" ")


def _notice(words: list[str]) -> Notice:
    if words in (["beat"], ["over"], ["gone"]) or (len(words) == 2 and words[0] == "cut"):
        return Notice(*words)
    raise ValueError(f"not a line of the log script: {' '.join(words)!r}")


class LineSplitter:
    r"""Bytes of one log into lines. `\n`, `\r\n` and `\r` end a line; `\r` at its beginning does not.

    The lines do not depend on how the bytes are cut into pieces. Invalid UTF-8 becomes U+FFFD.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_return = False

    def feed(self, piece: bytes) -> list[str]:
        r"""The lines that have ended; one that a `\r` ended does not wait for a `\n` that may follow."""
        if self._after_return:
            piece = piece.lstrip(b"\r")
            if not piece:
                return []
            piece = piece.removeprefix(b"\n")
        data = self._rest + piece
        if b"\r" in data:
            data = _RETURNS_BEFORE_TEXT.sub(b"", data)
        self._after_return = data.endswith(b"\r")
        *ended, self._rest = _SEPARATOR.split(data) if b"\r" in data else data.split(b"\n")  # much faster
        lines = [part for line in ended for part in _parts(line)]
        *too_long, self._rest = _parts(self._rest)
        return [line.decode("utf-8", "replace") for line in (*lines, *too_long)]

    def finish(self) -> list[str]:
        """The last line, if it has no end; what is fed after this begins a new one."""
        rest, self._rest, self._after_return = self._rest, b"", False
        return [rest.decode("utf-8", "replace")] if rest else []


def _parts(line: bytes) -> list[bytes]:
    if len(line) <= LONGEST:
        return [line]
    return [line[start : start + LONGEST] for start in range(0, len(line), LONGEST)]
