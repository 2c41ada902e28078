"""One stream a host under one selector; a host that falls silent is tried again, beside all else."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from launcher.hosts.base import HostError, Stream
from launcher.hosts.fleet import IN_FLIGHT

SILENCE = 30.0
"""Seconds without a word after which contact counts as lost."""
RETRY = 2.0
"""Seconds between attempts to reach a host again."""

_RINGS = 4096
"""Bytes that are read of a bell at once; what is left of them rings again."""

Key = TypeVar("Key")


@dataclass(slots=True)
class _Ear:
    """One stream: open, being opened, or neither until it is tried again."""

    open: Callable[[], Stream]
    stream: Stream | None = None
    opening: Future[Stream] | None = None
    heard: float = 0.0
    tried: float = 0.0
    lost_since: float | None = None
    is_done: bool = False


class Listening(Generic[Key]):
    """Streams by key. Each is opened in a thread, so that a host that does not answer delays no other.

    A thread that is done rings a bell, a socket that the selector hears as well.
    """

    def __init__(self, openers: Mapping[Key, Callable[[], Stream]]) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._ring = socket.socketpair()
        self._ring.setblocking(False)  # no thread waits for a poll
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._pool = ThreadPoolExecutor(max_workers=IN_FLIGHT, thread_name_prefix="listening")
        self._ears = {key: _Ear(open) for key, open in openers.items()}
        for ear in self._ears.values():
            self._begin(ear)

    def poll(self, seconds: float) -> list[tuple[Key, bytes | None]]:
        """What has come, after waiting at most so long; None where a stream has just been opened (again)."""
        ready = [selected.data for selected, _ in self._selector.select(seconds)]
        heard = [(key, self._read(self._ears[key])) for key in ready if key is not None]
        opened = self._opened() if None in ready else []
        self._look_after_contact()
        return [*opened, *((key, data) for key, data in heard if data)]

    def finish(self, key: Key) -> None:
        """Nothing more is awaited of this one."""
        ear = self._ears[key]
        ear.is_done, ear.lost_since = True, None
        self._hang_up(ear)

    def lost(self) -> dict[Key, float]:
        """Seconds without contact, of those that have none."""
        now = time.monotonic()
        since = {key: ear.lost_since for key, ear in self._ears.items()}
        return {key: now - moment for key, moment in since.items() if moment is not None}

    def close(self) -> None:
        """Stop listening; what is still being opened is closed as soon as it is open."""
        for ear in self._ears.values():
            self._hang_up(ear)
            if ear.opening is not None:
                ear.opening.add_done_callback(_close_if_open)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._selector.close()
        self._bell.close()
        self._ring.close()

    def _begin(self, ear: _Ear) -> None:
        ear.tried = time.monotonic()
        ear.opening = self._pool.submit(ear.open)
        ear.opening.add_done_callback(self._wake)

    def _wake(self, _: object) -> None:
        with suppress(OSError):  # it has rung often enough, or nobody listens any more
            self._ring.send(b"\0")

    def _opened(self) -> list[tuple[Key, bytes | None]]:
        self._bell.recv(_RINGS)
        return [(key, None) for key, ear in self._ears.items() if self._has_opened(key, ear)]

    def _has_opened(self, key: Key, ear: _Ear) -> bool:
        """Take up what a thread has opened. Raises what is no lost contact."""
        if ear.opening is None or not ear.opening.done():
            return False
        opening, ear.opening = ear.opening, None
        try:
            stream = opening.result()
        except HostError:
            self._lose(ear)
            return False
        if ear.is_done:
            stream.close()
            return False
        ear.stream, ear.heard = stream, time.monotonic()
        self._selector.register(stream, selectors.EVENT_READ, key)
        return True

    def _read(self, ear: _Ear) -> bytes:
        """Bytes; empty where contact has just been lost."""
        assert ear.stream is not None
        try:
            data = ear.stream.read()
        except HostError:
            data = b""
        if data:
            ear.heard, ear.lost_since = time.monotonic(), None
        else:
            self._lose(ear)
        return data

    def _look_after_contact(self) -> None:
        now = time.monotonic()
        for ear in self._ears.values():
            if ear.stream is not None and now - ear.heard > SILENCE:
                self._lose(ear)
            idle = ear.stream is None and ear.opening is None and not ear.is_done
            if idle and now - ear.tried > RETRY:
                self._begin(ear)

    def _lose(self, ear: _Ear) -> None:
        self._hang_up(ear)
        if not ear.is_done:
            ear.lost_since = ear.lost_since or time.monotonic()

    def _hang_up(self, ear: _Ear) -> None:
        if ear.stream is not None:
            self._selector.unregister(ear.stream)
            ear.stream.close()
            ear.stream = None


def _close_if_open(opening: Future[Stream]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
