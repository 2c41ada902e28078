"""How a stage ends: exit code, message on stderr, error.json for the launcher (standard library only)."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Callable

USAGE_EXIT_CODE = 2
_SECONDS_BETWEEN_REPORTS = 5.0


class StageError(ValueError):
    """What the user gave cannot be used; the message says what is wrong, where, and what to do next."""


def run_stage(main: Callable[[], int | None]) -> int:
    """Run `main` and return the exit code of the process.

    A `StageError` becomes "error: ..." on stderr and exit code 2. Any other exception passes on, so that
    Python prints its traceback and exits with 1. Both leave error.json in LAUNCHER_LOG_DIR, if set.
    """
    try:
        return main() or 0
    except StageError as error:
        say(f"error: {error}")
        write_error_report(error)
        return USAGE_EXIT_CODE
    except Exception as error:
        write_error_report(error)
        raise


def say(message: str) -> None:
    """Print a line of progress to stderr, at once."""
    print(message, file=sys.stderr, flush=True)


class Progress:
    """Says how far the work is, every few seconds."""

    def __init__(self) -> None:
        self._started = self._reported = time.monotonic()

    def report(self, message: str, *numbers: int) -> None:
        """Say `message`, formatted with `numbers`, unless the last report is only seconds old."""
        now = time.monotonic()
        if now - self._reported >= _SECONDS_BETWEEN_REPORTS:
            self._reported = now
            say(f"{message.format(*numbers)}, {now - self._started:.0f} s")


def require_one_task() -> None:
    """Raise StageError where several processes run a stage that writes one result."""
    ranks = os.environ.get("RANK_SIZE", "1")
    if ranks != "1" or os.environ.get("MS_ROLE") == "MS_SCHED":
        raise StageError(
            f"this stage is a single task (RANK_SIZE is {ranks}): give the job 1 rank, launch: none"
        )


def write_error_report(error: BaseException) -> None:
    """Leave error.json in LAUNCHER_LOG_DIR; the first one of an attempt stays.

    Where it cannot be written stderr says so: the error itself matters more.
    """
    log_dir = os.environ.get("LAUNCHER_LOG_DIR")
    if not log_dir:
        return
    path = Path(log_dir) / "error.json"
    try:
        if not path.exists():
            _write_report(path, error)
    except OSError as problem:
        say(f"no report of this error: {path}: {problem.strerror}")


def _write_report(path: Path, error: BaseException) -> None:
    rank = os.environ.get("RANK_ID", "0")
    report = {
        "type": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        "time": time.time(),
        "rank": int(rank) if rank.isdecimal() else rank,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)
