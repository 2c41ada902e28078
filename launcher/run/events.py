"""The event log of a run: what happened, one JSON object a line. Only the supervisor writes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args

Phase = Literal[
    "connect",
    "check",
    "lock",
    "bind",
    "upload",
    "image",
    "create",
    "start",
    "watch",
    "stop",
    "collect",
    "unlock",
]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In their order; with a restart those from `bind` to `collect` come again."""
Event = dict[str, Any]
SCHEMA = 1


class EventLog:
    """Appends events in whole lines, of which a reader may see the start.

    What a full disk refuses is kept, and written before the next event: no run ends for its log.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._clock = clock
        self._unwritten = self._end_of_broken_line()
        self._lock = threading.Lock()  # the heartbeat writes, too

    def write(self, kind: str, **fields: Any) -> None:
        """Append one event with the time of this machine's clock."""
        event = {"schema": SCHEMA, "time": round(self._clock(), 3), "event": kind, **fields}
        with self._lock:
            self._unwritten += json.dumps(event).encode("utf-8") + b"\n"
            self._write_out()

    def close(self) -> None:
        """Nothing more will be written."""
        os.close(self._file)

    def _write_out(self) -> None:
        with suppress(OSError):
            while self._unwritten:
                self._unwritten = self._unwritten[os.write(self._file, self._unwritten) :]

    def _end_of_broken_line(self) -> bytes:
        """A supervisor that was killed may have left half a line."""
        size = os.fstat(self._file).st_size
        return b"\n" if size and os.pread(self._file, 1, size - 1) != b"\n" else b""


def read_events(path: Path, offset: int = 0) -> tuple[list[Event], int]:
    """Events from a byte offset on, and the offset after the last whole line.

    A line that is no JSON object (half a line of a killed writer) is passed over.
    """
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    parsed = (_parse(line) for line in whole.splitlines())
    return [event for event in parsed if event is not None], offset + len(whole)


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
