"""Logs of many ranks as they are written: one stream a host, by byte offset, resumed after a lost contact."""

from __future__ import annotations

import selectors
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from launcher.hosts import Host, HostError, Stream
from launcher.logs.text import Frame, FrameParser, LineSplitter, Notice
from launcher.plan.model import Plan
from launcher.remote import script

_LOOK = "0.25"
_SILENCE = 30.0
"""Seconds without a word after which contact counts as lost; a silent stream beats every 8 s."""
_RETRY = 2.0
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


def sources_of(hosts: Mapping[str, Host], plan: Plan, keys: Collection[str]) -> list[Source]:
    """Where an attempt writes the logs of these members; `hosts` by label."""
    chosen = frozenset(keys)
    return [
        Source(hosts[part.label], part.attempt_dir, tuple(key for key in part.members if key in chosen))
        for part in plan.hosts
        if not chosen.isdisjoint(part.members)
    ]


@dataclass(slots=True)
class _Ear:
    """One source: its stream while there is contact, and what is known of it."""

    source: Source
    stream: Stream | None = None
    parser: FrameParser = field(default_factory=FrameParser)
    heard: float = 0.0
    tried: float = 0.0
    lost_since: float | None = None
    current: str = ""
    """Without follow members come one after the other: this one does."""
    is_done: bool = False
    is_level: bool = False


class LogTail:
    """Lines of several members' logs, as they come; made for being polled while something else is awaited.

        tail = LogTail(sources_of(hosts, plan, ["0"]))
        while …:
            for key, line in tail.poll():
                …
        tail.close()

    `poll` never blocks with `seconds=0`, but for the start of a stream. With `follow` it goes on until all
    members have ended, else until all that was there has been read; then `is_done`. The lines of one member
    come in order; `offsets` says how much of each log.txt has been read, and where another tail can go on.
    A host that is lost is tried again every 2 s (`lost`). Raises HostError for a stream that makes no sense.
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
        self._selector = selectors.DefaultSelector()
        self._ears = [_Ear(source) for source in sources]
        for ear in self._ears:
            self._listen(ear)

    @property
    def is_done(self) -> bool:
        """Whether every stream has come to its end."""
        return all(ear.is_done for ear in self._ears)

    @property
    def is_level(self) -> bool:
        """Whether all that had been written when the streams began has been given out."""
        return all(ear.is_level for ear in self._ears)

    def poll(self, seconds: float = 0.0) -> list[Line]:
        """What has come, after waiting at most so long for the first of it."""
        lines: list[Line] = []
        size = 0
        while size < _TURN and (ready := self._selector.select(0.0 if size else seconds)):
            for key, _ in ready:
                size += self._hear(key.data, lines)
        self._look_after_contact()
        return lines

    def lost(self) -> dict[str, float]:
        """Seconds without contact, of the hosts that are lost, by label."""
        now = time.monotonic()
        lost = [(ear.source.host.label, ear.lost_since) for ear in self._ears]
        return {label: now - since for label, since in lost if since is not None}

    def finish(self) -> list[Line]:
        """Last lines that have no end; for when nothing more is awaited."""
        return self._finish(*self._splitters)

    def close(self) -> None:
        """Stop listening."""
        for ear in self._ears:
            self._hang_up(ear)
        self._selector.close()

    def _listen(self, ear: _Ear) -> None:
        ear.tried = ear.heard = time.monotonic()
        ear.parser = FrameParser()
        words = [word for key in ear.source.keys for word in (key, str(self.offsets[key]))]
        try:
            ear.stream = ear.source.host.stream(
                script("logs"), ear.source.directory, _LOOK, "yes" if self._follow else "no", *words
            )
        except HostError:
            self._lose(ear)
        else:
            self._selector.register(ear.stream, selectors.EVENT_READ, ear)

    def _hear(self, ear: _Ear, lines: list[Line]) -> int:
        """Read once; the number of bytes."""
        assert ear.stream is not None
        try:
            data = ear.stream.read()
        except HostError:
            data = b""
        if not data:
            self._hang_up(ear) if ear.is_done else self._lose(ear)
            return 0
        ear.heard, ear.lost_since = time.monotonic(), None
        try:
            for item in ear.parser.feed(data):
                lines += self._take(ear, item) if isinstance(item, Frame) else self._note(ear, item)
        except ValueError as error:
            raise HostError(f"host {ear.source.host.label}: its log stream is garbled: {error}") from error
        return len(data)

    def _take(self, ear: _Ear, frame: Frame) -> list[Line]:
        key = frame.key
        if frame.offset != self.offsets[key]:
            raise ValueError(f"member {key}: bytes from {frame.offset} on, expected {self.offsets[key]}")
        self.offsets[key] += len(frame.data)
        before = self._finish(ear.current) if not self._follow and ear.current != key else []
        ear.current = key
        return before + [(key, line) for line in self._splitters[key].feed(frame.data)]

    def _finish(self, *keys: str) -> list[Line]:
        return [(key, line) for key in keys if key for line in self._splitters[key].finish()]

    def _note(self, ear: _Ear, notice: Notice) -> list[Line]:
        if notice.word == "cut":
            self.cut.add(notice.key)
            self.offsets[notice.key] = 0
            return self._finish(notice.key)
        ear.is_level = True
        if notice.word == "beat":
            return []
        ear.is_done = True
        if notice.word == "gone":
            self.gone.update(ear.source.keys)
        return self._finish(*ear.source.keys)

    def _look_after_contact(self) -> None:
        now = time.monotonic()
        for ear in self._ears:
            if ear.stream is not None and now - ear.heard > _SILENCE:
                self._lose(ear)
            if ear.stream is None and not ear.is_done and now - ear.tried > _RETRY:
                self._listen(ear)

    def _lose(self, ear: _Ear) -> None:
        self._hang_up(ear)
        ear.lost_since = ear.lost_since or time.monotonic()

    def _hang_up(self, ear: _Ear) -> None:
        if ear.stream is not None:
            self._selector.unregister(ear.stream)
            ear.stream.close()
            ear.stream = None
