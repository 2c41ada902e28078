"""The plan as JSON: read tolerantly, written in one form, signed by a digest."""

from __future__ import annotations

import json
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
        _refuse_newer(_schema_of(text), source)
        raise UsageError(f"{source}: not a plan: {error}") from error
    _refuse_newer(plan.schema, source)
    return plan


def _schema_of(text: bytes) -> int:
    """Of a plan that could not be read otherwise; 0 where it has none."""
    try:
        schema = json.loads(text)["schema"]
    except (ValueError, KeyError, TypeError):
        return 0
    return schema if isinstance(schema, int) else 0


def _refuse_newer(schema: int, source: str) -> None:
    if schema > SCHEMA:
        raise UsageError(
            f"{source}: plan of schema {schema}, this launcher reads up to {SCHEMA}",
            hint="use the launcher that started the run, or a newer one",
        )


def digest(plan: Plan) -> str:
    """SHA-256 of all but the digest itself."""
    return sha256(to_json(replace(plan, digest=""))).hexdigest()


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[Plan]:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
