"""What the ranks of a smoke run have written, from the run directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.errors import UsageError
from launcher.plan.model import Plan
from launcher.run.rundir import RunDir
from launcher.stored import refuse_newer

SCHEMA = 1
FILE = "smoke.json"


@dataclass(frozen=True, slots=True)
class Times:
    """All-reduces of all ranks, one after the other."""

    bytes: int
    times: tuple[float, ...]
    """Seconds of each, as this rank measured it."""


@dataclass(frozen=True, slots=True)
class PairTimes:
    """All-reduces of two ranks."""

    ranks: tuple[int, int]
    bytes: int
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """smoke.json of one rank: how far it came, and what it measured on the way."""

    schema: int = SCHEMA
    phase: str = ""
    sizes: tuple[Times, ...] = ()
    left_out: tuple[int, ...] = ()
    pairs: tuple[PairTimes, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Of each phase that is over."""


def is_smoke(directory: RunDir) -> bool:
    """Whether ranks of the smoke job have written what they found."""
    return any(directory.path.glob(f"attempt-*/LOG*/{FILE}"))


def read_findings(directory: RunDir, plan: Plan) -> dict[int, Findings]:
    """Of each rank; empty where a rank has left nothing. Raises UsageError for what is no smoke.json."""
    attempt = plan.binding.attempt
    ranks = {member.rank: member.key for member in plan.members if member.rank is not None}
    return {rank: _read(directory.log(attempt, key) / FILE) for rank, key in ranks.items()}


def _read(path: Path) -> Findings:
    from pydantic import TypeAdapter, ValidationError

    try:
        found = TypeAdapter(Findings).validate_json(path.read_bytes())
    except FileNotFoundError:
        return Findings()
    except ValidationError as error:
        raise UsageError(f"{path}: not what a rank of the smoke job writes: {error}") from error
    refuse_newer(found.schema, SCHEMA, str(path))
    return found
