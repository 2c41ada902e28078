"""Logs of many ranks as they are written: one stream a host, by byte offset, resumed after a lost contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from launcher.hosts import Host, HostError, Stream
from launcher.hosts.listening import Listening
from launcher.logs.text import Frame, FrameParser, LineSplitter, Notice
from launcher.remote import script

_LOOK = "0.25"
_TURN = 4 << 20
"""Bytes after which `poll` returns though more is there."""

Line = tuple[str, str]
"""Key of a member, and one line of its log without its end."""


@dataclass(frozen=True, slots=True)
class Source:
    """Logs below one attempt directory of one host."""

    host: Host
    directory: str
    keys: tuple[str, ...]


@dataclass(slots=True)
class _Reader:
    """What is known of one source."""

    source: Source
    parser: FrameParser = field(default_factory=FrameParser)
    current: str = ""
    """Without follow members come one after the other: this one does."""
    is_done: bool = False
    is_level: bool = False


class LogTail:
    """Lines of several members' logs, as they come; made for being polled while something else is awaited.

        tail = LogTail([Source(host, directory, ("0",))])
        while …:
            for key, line in tail.poll():
                …
        tail.close()

    `poll` never blocks with `seconds=0`. With `follow` it goes on until all members have ended, else until
    all that was there has been read; then `is_done`. The lines of one member come in order; `offsets` says
    how much of each log.txt has been read, and where another tail can go on. A host that is lost is tried
    again (`lost`). Raises HostError for a stream that makes no sense.
    """

    def __init__(
        self, sources: Sequence[Source], offsets: Mapping[str, int] | None = None, *, follow: bool = True
    ) -> None:
        keys = [key for source in sources for key in source.keys]
        self.offsets = {key: (offsets or {}).get(key, 0) for key in keys}
        self.gone: set[str] = set()
        """Members whose directory on the host is not there."""
        self.cut: set[str] = set()
        """Members whose log.txt has become shorter and was read again from its start."""
        self._follow = follow
        self._splitters = {key: LineSplitter() for key in keys}
        self._readers = [_Reader(source) for source in sources]
        self._listening = Listening(
            {number: partial(self._open, source) for number, source in enumerate(sources)}
        )

    @property
    def is_done(self) -> bool:
        """Whether every stream has come to its end."""
        return all(reader.is_done for reader in self._readers)

    @property
    def is_level(self) -> bool:
        """Whether all that had been written when the streams began has been given out."""
        return all(reader.is_level for reader in self._readers)

    def poll(self, seconds: float = 0.0) -> list[Line]:
        """What has come, after waiting at most so long for the first of it."""
        lines: list[Line] = []
        size = 0
        while size < _TURN and (heard := self._listening.poll(0.0 if size else seconds)):
            for number, data in heard:
                size += self._hear(number, data, lines)
        return lines

    def lost(self) -> dict[str, float]:
        """Seconds without contact, of the hosts that are lost, by label."""
        lost = self._listening.lost().items()
        return {self._readers[number].source.host.label: seconds for number, seconds in lost}

    def finish(self) -> list[Line]:
        """Last lines that have no end; for when nothing more is awaited."""
        return self._finish(*self._splitters)

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()

    def _open(self, source: Source) -> Stream:
        words = [word for key in source.keys for word in (key, str(self.offsets[key]))]
        follow = "yes" if self._follow else "no"
        return source.host.stream(script("logs"), source.directory, _LOOK, follow, *words)

    def _hear(self, number: int, data: bytes | None, lines: list[Line]) -> int:
        """Take up what has come from one source; the number of bytes."""
        reader = self._readers[number]
        if data is None:
            reader.parser = FrameParser()
            return 0
        try:
            for item in reader.parser.feed(data):
                lines += self._take(reader, item) if isinstance(item, Frame) else self._note(reader, item)
        except ValueError as error:
            label = reader.source.host.label
            raise HostError(f"host {label}: its log stream is garbled: {error}") from error
        if reader.is_done:
            self._listening.finish(number)
        return len(data)

    def _take(self, reader: _Reader, frame: Frame) -> list[Line]:
        key = frame.key
        if frame.offset != self.offsets[key]:
            raise ValueError(f"member {key}: bytes from {frame.offset} on, expected {self.offsets[key]}")
        self.offsets[key] += len(frame.data)
        before = self._finish(reader.current) if not self._follow and reader.current != key else []
        reader.current = key
        return before + [(key, line) for line in self._splitters[key].feed(frame.data)]

    def _finish(self, *keys: str) -> list[Line]:
        return [(key, line) for key in keys if key for line in self._splitters[key].finish()]

    def _note(self, reader: _Reader, notice: Notice) -> list[Line]:
        if notice.word == "cut":
            self.cut.add(notice.key)
            self.offsets[notice.key] = 0
            return self._finish(notice.key)
        reader.is_level = True
        if notice.word == "beat":
            return []
        reader.is_done = True
        if notice.word == "gone":
            self.gone.update(reader.source.keys)
        return self._finish(*reader.source.keys)
