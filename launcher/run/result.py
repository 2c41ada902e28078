"""What a run came to: result.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from launcher.run.gang import MemberStatus

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the run."""

    number: int
    members: tuple[MemberStatus, ...]
    failure: MemberStatus | None
    rivals: tuple[MemberStatus, ...] = ()
    """Those that may have failed before it: the clocks of their hosts cannot tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of a run. `seconds` is by phase, on the supervisor's monotonic clock."""

    run: str
    job: str
    exit_code: int
    outcome: str
    attempts: tuple[Attempt, ...]
    seconds: Mapping[str, float]
    metrics: Mapping[str, float]
    collected: bool

    def to_json(self) -> dict[str, Any]:
        """As result.json has it."""
        return {"schema": SCHEMA, **asdict(self)}


def summarise(lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """First and last loss, steps and median speed of a metrics.jsonl. Unknown keys are passed over."""
    rows = [row for row in lines if isinstance(row.get("step"), int)]
    if not rows:
        return {}
    summary: dict[str, float] = {"steps": rows[-1]["step"]}
    losses = [row["loss"] for row in rows if isinstance(row.get("loss"), float)]
    if losses:
        summary |= {"loss_first": losses[0], "loss_last": losses[-1]}
    speeds = [
        row["samples_per_second"] for row in rows if isinstance(row.get("samples_per_second"), (int, float))
    ]
    if speeds:
        summary["samples_per_second"] = round(sorted(speeds)[len(speeds) // 2], 1)
    return summary


def read_metrics(path: Path) -> dict[str, float]:
    """Summary of a metrics.jsonl; nothing where a job writes none. A line that is no JSON is passed over."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return {}
    return summarise(_rows(lines))


def _rows(lines: Iterable[str]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row
