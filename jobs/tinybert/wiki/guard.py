"""Ends a process and its children once the process that started this one is gone, were it by kill -9.

python -I guard.py PID reads stdin: a byte says that PID has ended by itself, end of file without one that it
must be ended.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def kill_with_children(pid: int) -> None:
    """Kill a process and its direct children, where they are still there."""
    for each in (pid, *children_of(pid)):
        _kill(each)


def children_of(pid: int) -> list[int]:
    """The direct children of a process, those that have ended and were not waited for included."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return []


def _kill(pid: int) -> None:
    """Kill a process, unless it is the one that removes shared memory once all others are gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        if b"multiprocessing.resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__" and not sys.stdin.buffer.read(1):
    kill_with_children(int(sys.argv[1]))
