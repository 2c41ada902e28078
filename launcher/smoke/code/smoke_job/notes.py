"""What a rank leaves behind in its log directory, for the launcher to read: standard library only."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SCHEMA = 1


class Notes:
    """smoke.json and metrics.jsonl of this rank."""

    def __init__(self, directory: Path, rank: int) -> None:
        self._directory = directory
        self._known: dict[str, Any] = {
            "schema": SCHEMA,
            "rank": rank,
            "phase": "",
            "sizes": [],
            "left_out": [],
        }
        self._known |= {"pairs": [], "seconds": {}}
        self._entered = time.monotonic()

    def enter(self, phase: str) -> None:
        """Say what comes next, and how long the last phase took."""
        now = time.monotonic()
        if self._known["phase"]:
            self._known["seconds"][self._known["phase"]] = round(now - self._entered, 3)
        self._known["phase"], self._entered = phase, now
        self._write()

    def add_size(self, size: int, times: list[float]) -> None:
        """All-reduces of all ranks; `times` in seconds."""
        self._known["sizes"].append({"bytes": size, "times": times})
        self._write()
        line = {
            "step": len(self._known["sizes"]),
            "bytes": size,
            "seconds": middle(times),
            "time": time.time(),
        }
        with open(self._directory / "metrics.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def leave_out(self, sizes: Sequence[int]) -> None:
        """Sizes that would take too long."""
        self._known["left_out"] = list(sizes)
        self._write()

    def add_pair(self, pair: tuple[int, int], size: int, times: list[float]) -> None:
        """All-reduces of two ranks; `times` in seconds."""
        self._known["pairs"].append({"ranks": list(pair), "bytes": size, "times": times})
        self._write()

    def _write(self) -> None:
        write_by_rename(self._directory / "smoke.json", self._known)


def write_by_rename(path: Path, value: Mapping[str, Any]) -> None:
    """Nobody reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(value) + "\n", encoding="utf-8")
    fresh.replace(path)


def write_error(directory: Path, rank: int, error: BaseException) -> None:
    """error.json, as the launcher shows it for the rank that failed first."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    report = {"type": type(error).__name__, "message": str(error), "traceback": text}
    write_by_rename(directory / "error.json", {**report, "time": time.time(), "rank": rank})


def middle(times: Sequence[float]) -> float:
    """The median, of an even number the upper one."""
    return sorted(times)[len(times) // 2]
