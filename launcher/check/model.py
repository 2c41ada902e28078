"""What a check has to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any


class Level(str, Enum):
    """How bad it is: with an error a run would fail, with a warning it may go badly."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a host lacks. `words` are the host's own where it has said something."""

    host: str
    rule: str
    level: Level
    words: str
    remedy: str

    def __str__(self) -> str:
        return f"host {self.host}: {self.rule}: {self.words}"

    def to_json(self) -> dict[str, Any]:
        """As `launcher check --json` prints it."""
        return {**asdict(self), "level": self.level.value}


def in_words(findings: Sequence[Finding]) -> str:
    """How many, then each with its remedy on a line of its own."""
    head = "1 check failed" if len(findings) == 1 else f"{len(findings)} checks failed"
    return "\n".join([head, *(f"{finding}\n  remedy: {finding.remedy}" for finding in findings)])
