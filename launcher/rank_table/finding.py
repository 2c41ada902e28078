"""What is wrong with a rank table, where, what HCCL would say, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from launcher.rank_table.model import Path

Severity = Literal["error", "warning"]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Problem(NamedTuple):
    """A rule broken at a path of the table; ``offset`` where no path leads to the place in the text."""

    rule: str
    path: Path
    message: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken rule, ready to be shown.

    ``rule`` is an id of :data:`launcher.rank_table.rules.RULES`; ``line`` and ``column`` count from 1 and
    are None where there is no text (a table built by the launcher).
    """

    rule: str
    severity: Severity
    path: str
    message: str
    hccl: str
    remedy: str
    source: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """One line: place, severity, rule, key, message, HCCL's answer and the remedy."""
        place = f"{self.source}:{self.line}:{self.column}: " if self.line else ""
        key = f"{self.path}: " if self.path else ""
        hccl = f" HCCL: {self.hccl}." if self.hccl else ""
        return f"{place}{self.severity}[{self.rule}] {key}{self.message}.{hccl} {self.remedy}."


class RankTableError(ValueError):
    """A rank table that must not be used; ``findings`` holds every reason."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


def format_path(path: Path) -> str:
    """``("server_list", 1, "device_ip")`` as ``server_list[1].device_ip``; odd keys are quoted as JSON."""
    return "".join(map(_step, path)).removeprefix(".")


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _PLAIN_KEY.fullmatch(step) else f"[{json.dumps(step)}]"
