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
class Fix:
    """Commands that end a fault on its host, each a list of words; nobody runs them but a person."""

    commands: tuple[tuple[str, ...], ...]
    root: bool = False
    """Whether they need root."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a rule has found on a host. `words` are the host's own where it has said something."""

    level: Level
    words: str
    remedy: str
    fix: Fix | None = None


def error(words: str, remedy: str, fix: Fix | None = None) -> Complaint:
    """A run would fail."""
    return Complaint(Level.ERROR, words, remedy, fix)


def warning(words: str, remedy: str, fix: Fix | None = None) -> Complaint:
    """A run may go badly."""
    return Complaint(Level.WARNING, words, remedy, fix)


def as_root(*commands: Sequence[str]) -> Fix:
    """Commands that only root may run."""
    return Fix(tuple(map(tuple, commands)), root=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a host lacks, found by the rule of that name."""

    host: str
    rule: str
    level: Level
    words: str
    remedy: str
    fix: Fix | None = None

    def __str__(self) -> str:
        return f"host {self.host}: {self.rule}: {self.words}"

    def to_json(self) -> dict[str, Any]:
        """As `launcher check --json` prints it; `fix` is null where no command ends the fault."""
        return {**asdict(self), "level": self.level.value}


def finding(host: str, rule: str, complaint: Complaint) -> Finding:
    """A complaint with where it comes from."""
    return Finding(host, rule, complaint.level, complaint.words, complaint.remedy, complaint.fix)


def in_words(findings: Sequence[Finding]) -> str:
    """How many, then each with its remedy on a line of its own."""
    head = "1 check failed" if len(findings) == 1 else f"{len(findings)} checks failed"
    return "\n".join([head, *(f"{finding}\n  remedy: {finding.remedy}" for finding in findings)])
