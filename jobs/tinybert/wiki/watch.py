"""Ends a wikiextractor that will not end by itself: it waits for ever for a process of its own that died."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from tinybert.wiki.guard import children_of, kill_with_children

_SECONDS_BETWEEN_LOOKS = 1.0


class Watch(threading.Thread):
    """Looks after process `pid`, within `with`; ends it, and says in `reason` why.

    `patience`: seconds of silence. Time in which our side reads the dump or works on the output is none.
    """

    def __init__(self, pid: int, patience: float) -> None:
        super().__init__(daemon=True)
        self.reason: str | None = None
        self._pid = pid
        self._patience = patience
        self._over = threading.Event()
        self._reading = self._working = False
        self._last_sign = time.monotonic()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()

    def input_of(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """`blocks`, for the process."""
        self._reading = True
        try:
            for block in blocks:
                self._reading, self._last_sign = False, time.monotonic()
                yield block
                self._reading = True
        finally:
            self._reading, self._last_sign = False, time.monotonic()

    def lines_of(self, output: BinaryIO) -> Iterator[bytes]:
        """The whole lines of its output; one that was cut off by its end is left out."""
        while (line := output.readline()).endswith(b"\n"):
            self._working = True
            yield line
            self._working, self._last_sign = False, time.monotonic()

    def run(self) -> None:
        """Look once a second until something is wrong."""
        while self.reason is None and not self._over.wait(_SECONDS_BETWEEN_LOOKS):
            self.reason = self._problem()
        if self.reason is not None:
            kill_with_children(self._pid)

    def _problem(self) -> str | None:
        for status in map(_status_of_dead, children_of(self._pid)):
            if status:
                how = f"signal {status & 127}" if status & 127 else f"exit code {status >> 8}"
                return f"a process of wikiextractor died of {how} (it wants memory? try fewer --processes)"
        silence = time.monotonic() - self._last_sign
        if silence > self._patience and not self._reading and not self._working:
            return f"wikiextractor has been silent for {silence:.0f} s (try --processes=1)"
        return None


def _status_of_dead(pid: int) -> int:
    """The wait status of a process that has ended and whose parent has not noticed; 0 for any other."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[-1]) if fields[0] == "Z" else 0
    return 0
