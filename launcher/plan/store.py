"""The plan as JSON: read tolerantly, written in one form, signed by a digest."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from launcher.errors import UsageError
from launcher.plan.model import Plan

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = 1


def to_json(plan: Plan) -> bytes:
    """The whole plan; equal plans give equal bytes."""
    return _adapter().dump_json(plan)


def from_json(text: bytes, source: str) -> Plan:
    """A stored plan. Raises UsageError when a newer launcher wrote it, or it is damaged."""
    from pydantic import ValidationError

    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        raise UsageError(f"{source}: not a plan: {error}") from error
    if plan.schema > SCHEMA:
        raise UsageError(
            f"{source}: plan of schema {plan.schema}, this launcher reads up to {SCHEMA}",
            hint="use the launcher that started the run, or a newer one",
        )
    return plan


def digest(plan: Plan) -> str:
    """SHA-256 of all but the digest itself."""
    return sha256(to_json(replace(plan, digest=""))).hexdigest()


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Plan]:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
