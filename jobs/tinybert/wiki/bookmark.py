"""How far something long has been read, in a file, so that a killed reader need not begin anew."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinybert.stages.artifacts import read_json, write_json


@dataclass
class Bookmark:
    """A JSON file with a place in what is read. `key`: what it holds for; `seconds`: how often it is kept."""

    path: Path
    key: dict[str, Any]
    seconds: float = 60.0
    _kept_at: float = field(default_factory=time.monotonic)

    def read(self) -> dict[str, Any] | None:
        """The place that was kept last, if it was for the same key."""
        kept = read_json(self.path)
        return kept["place"] if kept is not None and kept["key"] == self.key else None

    def is_due(self) -> bool:
        """Whether it is time to keep the place again."""
        return time.monotonic() - self._kept_at >= self.seconds

    def write(self, place: dict[str, Any]) -> None:
        """Keep a place."""
        write_json(self.path, {"key": self.key, "place": place})
        self._kept_at = time.monotonic()
